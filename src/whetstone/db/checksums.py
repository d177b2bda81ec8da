"""Checksums of tables that do not depend on the order of rows or on the engine that stores them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

_BITS = 128
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
# A number that the engines may write differently: PostgreSQL's JSONB turns 1e2 into 100, and 1.0e0 into 1.0.
_VARIABLE = re.compile(rb"\d\.0+(?!\d)|\d[eE][+-]?\d")
_MAX_INTEGER = 2**63


class Checksum:
    """The sum of the digests of rows, and their number."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Count rows in; their values are numbers, texts, bytes, booleans, None and JSON."""
        for row in rows:
            self.rows += 1
            self._sum += int.from_bytes(hashlib.blake2b(_bytes(row), digest_size=_BITS // 8).digest())

    def text(self) -> str:
        """The checksum as hexadecimal digits."""
        return f"{self._sum % 2**_BITS:0{_BITS // 4}x}"


def _bytes(row: Sequence[Any]) -> bytes:
    encoded = orjson.dumps(list(row), option=_OPTIONS, default=_binary)
    if _VARIABLE.search(encoded):
        encoded = orjson.dumps(_plain(list(row)), option=_OPTIONS, default=_binary)
    return encoded


def _binary(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(type(value).__name__)


def _plain(value: Any) -> Any:
    """The same value, whole numbers as integers."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
        return value if abs(value) < _MAX_INTEGER else str(value)
    return value
