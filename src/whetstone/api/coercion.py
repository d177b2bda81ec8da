"""Query values as the reference reads them: nothing is refused, nonsense is the default (contract §3.1)."""

from __future__ import annotations

import math
import re

from whetstone.clock import parse_ms

_MAX_OFFSET = 2**53
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,13}")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def js_number(text: str | None) -> float:
    """What JavaScript's `Number(text)` gives; NaN where it is none, and for an absent value."""
    if text is None:
        return math.nan
    stripped = text.strip()
    if not stripped:
        return 0.0
    if _HEX.fullmatch(stripped):
        return float(int(stripped, 16))
    if stripped.lstrip("+-") == "Infinity":
        return -math.inf if stripped.startswith("-") else math.inf
    return float(stripped) if _DECIMAL.fullmatch(stripped) and stripped.isascii() else math.nan


def list_limit(text: str | None, *, default: int, most: int = 500) -> int:
    """`Number(x) || default`, then clamped to 1..most."""
    number = js_number(text)
    if math.isnan(number) or number == 0:
        return default
    return int(min(max(number, 1), most))


def positive_limit(text: str | None, *, default: int, most: int = 500) -> int:
    """A positive whole number up to `most`; anything else is the default."""
    number = js_number(text)
    return int(min(number, most)) if number >= 1 and (number == math.inf or number.is_integer()) else default


def list_offset(text: str | None) -> int:
    """`max(0, Number(x) || 0)`."""
    number = js_number(text)
    return 0 if math.isnan(number) else int(min(max(number, 0), _MAX_OFFSET))


def finite_number(text: str | None) -> float | None:
    """A number; None where it is absent, empty or none."""
    number = js_number(text or None)
    return number if math.isfinite(number) else None


def moment(text: str | None) -> int | None:
    """Milliseconds of an ISO date or time; None where it is absent or none.

    A `+` of a time zone that the query string turned into a space is read as what it was.
    """
    if not text:
        return None
    found = parse_ms(text)
    return parse_ms(text.strip().replace(" ", "+")) if found is None else found


def flag(text: str | None) -> bool | None:
    """Absent: None; `true`: true; any other value: false."""
    return None if text is None else text == "true"
