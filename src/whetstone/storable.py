"""Text and JSON that both database engines and every JSON encoder accept.

PostgreSQL can store neither NUL nor lone surrogates, no integer over 64 bits and no infinite number in JSON.
"""

from __future__ import annotations

import math
from typing import Any

_MAX_INT64 = 2**63 - 1
_MAX_DEPTH = 100


def clean_text(value: str) -> str:
    """`value` with NUL and lone surrogates replaced by U+FFFD; surrogate pairs become their character."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def clean_json(value: Any, depth: int = 0) -> Any:
    """A copy of `value` that is storable JSON.

    Texts are cleaned, numbers that are not finite become null, integers over 64 bits become text, and what is
    not JSON at all becomes its text. Raises ValueError when nested deeper than 100 levels.
    """
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_MAX_INT64 <= value <= _MAX_INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _MAX_DEPTH:
        msg = f"JSON may be nested at most {_MAX_DEPTH} levels deep"
        raise ValueError(msg)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_json(item, depth + 1) for item in value]
    return clean_text(str(value))
