"""JSON inside strings: read without loss, written back in the notation it had."""

from __future__ import annotations

import json
import re
from typing import Any

_INDENT = re.compile(r"\s*[\[{]\n([ \t]+)")
# A blank after the first colon, or after the first comma of an array of plain values.
_STRING = r"\"(?:[^\"\\]|\\.)*+\""
_SPACED = re.compile(rf"[\s\[{{]*+{_STRING}\s*:\s|\s*\[(?:{_STRING}|[^\",\[{{])*+,\s")


class WrittenFloat(float):
    """A float that remembers how it was written; the digits decide whether it can be a coordinate."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        """Reads a JSON number; raises ValueError when it is out of range."""
        value = super().__new__(cls, written)
        if value in (float("inf"), float("-inf")):
            raise ValueError(written)
        value.written = written
        return value


def has_coordinate_digits(number: float) -> bool:
    """Whether a number has as many digits after the point as coordinates have.

    Two are enough in JSON text, as they are in any text (wire contract §11.2); in data, where a pair of numbers has no
    words around it and trailing zeros are lost, it takes three.
    """
    written = number.written if isinstance(number, WrittenFloat) else repr(number)
    digits = 0 if "e" in written.lower() else len(written.partition(".")[2])
    return digits >= (2 if isinstance(number, WrittenFloat) else 3)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated key")  # one of the two values would be lost, and with it unseen
    return members


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def parse(text: str) -> Any | None:
    """The object or array that the string holds, or None if it is no JSON document that can be written back."""
    stripped = text.strip()
    if len(stripped) < 2 or stripped[0] + stripped[-1] not in ("{}", "[]"):
        return None
    try:
        return json.loads(
            stripped, object_pairs_hook=_unique, parse_float=WrittenFloat, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return None


def write(value: Any, original: str) -> str:
    """The value as JSON with the indentation, spacing and escapes of the original text."""
    indent = _INDENT.match(original)
    spaced = indent is not None or _SPACED.match(original) is not None
    body = json.dumps(
        value,
        ensure_ascii=original.isascii(),
        allow_nan=False,
        indent=indent[1] if indent else None,
        separators=(", " if spaced and indent is None else ",", ": " if spaced else ":"),
    )
    start = len(original) - len(original.lstrip())
    return original[:start] + body + original[len(original.rstrip()) :]
