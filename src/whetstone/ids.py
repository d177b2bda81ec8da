"""Identifiers: `<prefix>-<milliseconds>-<8 hex>`, the form that clients of the wire contract know."""

from __future__ import annotations

import secrets

from whetstone.clock import now_ms


def new_id(prefix: str) -> str:
    """A fresh identifier such as `dataset-1760000000000-1a2b3c4d`."""
    return f"{prefix}-{now_ms()}-{secrets.token_hex(4)}"
