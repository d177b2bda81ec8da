"""Ids for records that have none: the same content gets the same id, so that importing twice changes nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def content_id(prefix: str, value: Any) -> str:
    """`<prefix>-<24 hex>` of a JSON value, whatever the order of its members."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return f"{prefix}-{hashlib.sha256(text).hexdigest()[:24]}"
