"""Lenient reading of JSON values, so that whatever a client sends is storable on both database engines.

Optional values of a wrong type count as absent (wire contract §1.2); identifiers are refused instead of bent,
because two trajectories must never silently become one. Index entries must stay short.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator

from whetstone.clock import parse_ms
from whetstone.storable import clean_json, clean_text

MAX_IDENTIFIER = 512
"""Characters of an identifier or label; keeps every index entry below PostgreSQL's 2,704 bytes."""

_MAX_MS = 253_402_300_799_999  # the last millisecond of the year 9999
_MAX_COUNT = 10**12  # sums of a million such counts still fit into 64 bits
_MAX_NUMBER = 1e12
_MAX_INT32 = 2**31 - 1


def to_text(value: Any) -> str | None:
    """Text of any JSON value: objects and arrays as JSON, null as None."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (dict, list)):
        return orjson.dumps(clean_json(value)).decode()
    return clean_text(str(value))


def to_label(value: Any) -> str | None:
    """Short text (a model's name, a source): cut at 512 characters; empty counts as absent."""
    text = to_text(value)
    return text[:MAX_IDENTIFIER] if text else None


def to_identifier(value: Any) -> str | None:
    """Text or whole number as an identifier; blank counts as absent. Raises ValueError when unusable."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        msg = "an id must be text"
        raise ValueError(msg)
    text = clean_text(str(value))
    if len(text) > MAX_IDENTIFIER:
        msg = f"an id may have at most {MAX_IDENTIFIER} characters"
        raise ValueError(msg)
    return text if text.strip() else None


def to_number(value: Any) -> float | None:
    """A finite number of at most 10^12 in size, also from text; anything else counts as absent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _MAX_NUMBER else None


def to_count(value: Any) -> int | None:
    """A whole number from 0 to 10^12 (fractions are cut); anything else counts as absent."""
    number = to_number(value)
    return int(number) if number is not None and 0 <= number <= _MAX_COUNT else None


def to_index(value: Any) -> int | None:
    """A whole number from 0 to 2^31-1; anything else counts as absent."""
    count = to_count(value)
    return count if count is not None and count <= _MAX_INT32 else None


def to_moment(value: Any) -> int | None:
    """Milliseconds since the epoch from a number, a numeric text or ISO 8601; 0 and nonsense count as absent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    except ValueError:
        number = float(parse_ms(str(value)) or 0)
    return int(number) if 1 <= number <= _MAX_MS else None


def to_flag(value: Any) -> bool | None:
    """A boolean, also as 0, 1, "true" or "false"; anything else counts as absent."""
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, (bool, int)) else None


def to_object(value: Any) -> dict[str, Any] | None:
    """A JSON object; anything else counts as absent."""
    return clean_json(value) if isinstance(value, dict) else None


def to_array(value: Any) -> list[Any] | None:
    """A JSON array; anything else counts as absent."""
    return clean_json(value) if isinstance(value, list) else None


def to_payload(value: Any) -> dict[str, Any] | None:
    """A JSON object; any other value but null is kept whole as `{"value": …}`."""
    if value is None:
        return None
    cleaned = clean_json(value)
    return cleaned if isinstance(cleaned, dict) else {"value": cleaned}


Text = Annotated[str | None, BeforeValidator(to_text)]
Label = Annotated[str | None, BeforeValidator(to_label)]
Identifier = Annotated[str | None, BeforeValidator(to_identifier)]
Number = Annotated[float | None, BeforeValidator(to_number)]
Count = Annotated[int | None, BeforeValidator(to_count)]
Index = Annotated[int | None, BeforeValidator(to_index)]
Moment = Annotated[int | None, BeforeValidator(to_moment)]
Flag = Annotated[bool | None, BeforeValidator(to_flag)]
Object = Annotated[dict[str, Any] | None, BeforeValidator(to_object)]
Array = Annotated[list[Any] | None, BeforeValidator(to_array)]
Payload = Annotated[dict[str, Any] | None, BeforeValidator(to_payload)]
Json = Annotated[Any, BeforeValidator(clean_json)]
