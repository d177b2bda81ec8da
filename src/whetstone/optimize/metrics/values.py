"""Whether two values of JSON mean the same."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Hashable, Mapping
from typing import Any

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?")
_RELATIVE_TOLERANCE = 1e-6
_ABSOLUTE_TOLERANCE = 1e-9


def same_value(one: Any, other: Any) -> bool:
    """Whether two argument values mean the same.

    Text: case, width forms and runs of blanks do not count. Numbers: to one millionth, also where one of them is
    written as text. Objects: keys in any order and case, null is the same as absent. Lists: in order.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        mine, theirs = folded_keys(one), folded_keys(other)
        return mine.keys() == theirs.keys() and all(same_value(mine[key], theirs[key]) for key in mine)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    if _is_number(one) or _is_number(other):
        return _same_number(one, other)
    if isinstance(one, str | bool) and isinstance(other, str | bool):
        return fold(str(one)) == fold(str(other))
    return one is None and other is None


def folded_keys(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by case-folded name, without those that are null."""
    return {fold(str(key)): value for key, value in arguments.items() if value is not None}


def fold(text: str) -> str:
    """A text as it is compared: case, width forms and runs of blanks do not count."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def key_of(value: Any) -> Hashable:
    """A key under which values that mean the same are found (numbers that differ by rounding may miss)."""
    if isinstance(value, Mapping):
        return frozenset((str(key), key_of(each)) for key, each in value.items() if each is not None)
    if isinstance(value, list | tuple):
        return tuple(key_of(each) for each in value)
    number = None if isinstance(value, bool) else _number(value)
    if number is not None:
        return f"{number:.9g}"
    return fold(str(value)) if isinstance(value, str | bool) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_number(one: Any, other: Any) -> bool:
    numbers = [_number(value) for value in (one, other)]
    if numbers[0] is None or numbers[1] is None:
        return False
    return one == other or math.isclose(
        numbers[0], numbers[1], rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE
    )


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _NUMBER.fullmatch(value) else None
    if not _is_number(value):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
