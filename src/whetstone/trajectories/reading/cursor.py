"""Cursors: where a list was left, so that it goes on exactly behind that row whatever was stored meanwhile.

A cursor is opaque to clients. It holds the row's value and key, and a digest of the filter and the order: with
others it would point nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.keyset import Place
from whetstone.trajectories.reading.sorting import Sort

_VERSION = 1
_MAX_LENGTH = 200
_MAX_INT = 2**63 - 1


def encode(place: Place, wanted: TrajectoryFilter, sort: Sort) -> str:
    """The cursor that goes on behind `place`."""
    content = orjson.dumps([_VERSION, _digest(wanted, sort), place.value, place.key])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode(cursor: str, wanted: TrajectoryFilter, sort: Sort) -> Place:
    """The place that `cursor` was made of. Raises InvalidInputError on one of another list, or none at all."""
    version, digest, value, key = _content(cursor)
    if version != _VERSION or not _is_int(key) or not _is_value(value, sort):
        raise InvalidInputError(_NO_CURSOR)
    if digest != _digest(wanted, sort):
        msg = "The cursor belongs to a list with another filter or order; repeat those, or start without a cursor"
        raise InvalidInputError(msg)
    return Place(value, key)


_NO_CURSOR = "The cursor is not one that this service gave; start without a cursor"


def _content(cursor: str) -> list[Any]:
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise InvalidInputError(_NO_CURSOR) from None
    if not isinstance(content, list) or len(content) != 4:
        raise InvalidInputError(_NO_CURSOR)
    return content


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_INT


def _is_value(value: Any, sort: Sort) -> bool:
    if sort.by == "relevance":
        return _is_int(value)
    if value is None:
        return sort.nullable
    return _is_int(value) or (sort.by == "reward" and isinstance(value, float) and math.isfinite(value))


def _digest(wanted: TrajectoryFilter, sort: Sort) -> str:
    given = wanted.given()
    if "ids" in given:
        given["ids"] = sorted(set(given["ids"]))
    if "search" in given:
        given["search_mode"] = wanted.search_mode
    content = orjson.dumps([given, sort.by, sort.descending], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(content).hexdigest()[:12]
