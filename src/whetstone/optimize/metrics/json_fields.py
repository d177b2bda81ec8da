"""Metric of JSON answers: the mean over their fields of what is right, whatever stands around the JSON.

A field is a path such as `customer.city` or `items[].price`; a field within lists is as right as the share of its
places. Entries of a list that are equal belong together wherever they stand, the others in their order, so that a
list without an order of its own is not punished for one. Null is what an absent field is.

Objectives: `schema`, whether the answer keeps the schema that it was asked for (else the types and keys of the
right answer), and `strict`, whether it is JSON as it stands, without fences or words around it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from whetstone.optimize.metrics.calls import Call, read_plan, same_unread
from whetstone.optimize.metrics.parsing import (
    UnreadableError,
    json_lists,
    json_objects,
    parse_json,
    quote,
    unfenced,
    why_unreadable,
)
from whetstone.optimize.metrics.schema import breach, inferred, schema_of
from whetstone.optimize.metrics.types import Answer, Score
from whetstone.optimize.metrics.values import key_of, same_value

if TYPE_CHECKING:  # rows are built of answers, so at run time they import this package
    from whetstone.optimize.rows.examples import Example

_SHOWN = 5
_MAX_KEY = 64
_ABSENT: Any = object()


@dataclass
class Field:
    """One field of the expected or the given answer: its places, and those that are right."""

    right: int = 0
    places: int = 0
    expected: bool = False
    problem: str = ""

    @property
    def share(self) -> float:
        """The share of the places that is right."""
        return self.right / self.places


@dataclass(frozen=True)
class Reading:
    """The JSON of an answer. `strict`: the answer is nothing else."""

    value: Any
    strict: bool


def json_fields(expected: Answer, given: Answer, *, example: Example | None = None) -> Score:
    """The mean share of right places over the fields of both answers; 0 for an answer without JSON.

    Texts are compared without regard to case and blanks, numbers to one millionth. `example` is the row, for its
    schema.
    """
    try:
        wanted = read_json(expected)
    except UnreadableError:
        same = same_unread(expected, given)
        return Score(float(same), f"The expected answer is no JSON, but the text {quote(expected.text)}.")
    try:
        got = read_json(given, like=wanted.value)
    except UnreadableError as error:
        reason = f"Expected JSON, but the answer cannot be read: {error}; it was {quote(given.text)}."
        advice = f" Answer with nothing but JSON in the form of {quote(expected.text)}."
        return Score(0.0, reason + advice, parsed=False, objectives={"schema": 0.0, "strict": 0.0})
    fields = compare_fields(wanted.value, got.value)
    value = sum(each.share for each in fields.values()) / len(fields) if fields else 1.0
    broken = breach(schema_of(example) or inferred(wanted.value), got.value)
    objectives = {"schema": float(broken is None), "strict": float(got.strict)}
    return Score(value, _feedback(fields, broken, got), objectives=objectives)


def read_json(answer: Answer, like: Any = None) -> Reading:
    """The JSON of an answer: its text as it stands or in a fence, else the object in it that shares the most keys
    with `like` (where that is a list, the longest list in it); without text the arguments of its first tool call. Raises `UnreadableError`."""
    if not answer.text.strip() and answer.tool_calls:
        calls: Sequence[Call] = read_plan(answer).calls
        if not calls:
            raise UnreadableError("no tool is called")
        return Reading(dict(calls[0].arguments), strict=True)
    text = answer.text.strip()
    for body in (text, unfenced(text)):
        if body.startswith(("{", "[")):
            try:
                return Reading(parse_json(body), strict=body is text)
            except UnreadableError:
                continue
    if isinstance(like, list) and (lists := json_lists(text)):
        return Reading(max(lists, key=len), strict=False)
    found = json_objects(text)
    if not found:
        raise UnreadableError(why_unreadable(text))
    keys = like.keys() if isinstance(like, Mapping) else set()
    return Reading(max(found, key=lambda value: len(keys & value.keys())), strict=False)


def compare_fields(expected: Any, given: Any) -> dict[str, Field]:
    """The fields of two JSON values by path, the expected ones first. Linear in their size."""
    fields: dict[str, Field] = {}
    _walk(fields, "", expected, given)
    return fields


def _walk(fields: dict[str, Field], path: str, expected: Any, given: Any) -> None:
    for kind in (dict, list):
        if isinstance(expected, kind) and expected:
            break
        if isinstance(given, kind) and given and (expected is _ABSENT or isinstance(expected, kind)):
            break
    else:
        if expected is not _ABSENT or given is not None:
            _note(fields, path, expected, given)
        return
    one, other = (value if isinstance(value, kind) else kind() for value in (expected, given))
    walk = _walk_objects if kind is dict else _walk_lists
    walk(fields, path, one, other)


def _walk_objects(fields: dict[str, Field], path: str, expected: Any, given: Any) -> None:
    for key in (*expected, *(key for key in given if key not in expected)):
        inner = f"{path}.{key:.{_MAX_KEY}}" if path else f"{key:.{_MAX_KEY}}"
        _walk(fields, inner, expected.get(key, _ABSENT), given.get(key, _ABSENT))


def _walk_lists(fields: dict[str, Field], path: str, expected: Any, given: Any) -> None:
    path += "[]"
    places: dict[Hashable, deque[int]] = {}
    for index, value in enumerate(given):
        places.setdefault(key_of(value), deque()).append(index)
    taken: set[int] = set()
    unequal = []
    for value in expected:
        equal = places.get(key_of(value))
        if equal:
            taken.add(equal[0])
            _walk(fields, path, value, given[equal.popleft()])
        else:
            unequal.append(value)
    rest = (value for index, value in enumerate(given) if index not in taken)
    for value, other in zip_longest(unequal, rest, fillvalue=_ABSENT):
        if value is _ABSENT and other is None:
            _note(fields, path, value, other)
        else:
            _walk(fields, path, value, other)


def _note(fields: dict[str, Field], path: str, expected: Any, given: Any) -> None:
    """Count one place."""
    found = fields.setdefault(path, Field())
    found.places += 1
    found.expected = found.expected or expected is not _ABSENT
    if _is_same(expected, given):
        found.right += 1
    elif not found.problem:
        found.problem = _problem(expected, given)


def _is_same(expected: Any, given: Any) -> bool:
    if expected is _ABSENT or given is _ABSENT:
        return expected is None
    return same_value(expected, given)


def _problem(expected: Any, given: Any) -> str:
    if expected is _ABSENT:
        return f"{_short(given)} is not expected"
    if given is _ABSENT or given is None:
        return f"missing, expected {_short(expected)}"
    return f"expected {_short(expected)}, got {_short(given)}"


def _short(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return "a number too long to show"
    return text if len(text) <= _MAX_KEY else f"{text[: _MAX_KEY - 1]}…"


def _feedback(fields: Mapping[str, Field], broken: str | None, got: Reading) -> str:
    wrong = [f"{path or 'the whole'}: {each.problem}" for path, each in fields.items() if each.problem]
    parts = (
        [f"{len(wrong)} of {len(fields)} fields are wrong. " + "; ".join(wrong[:_SHOWN]) + "."]
        if wrong
        else []
    )
    parts += [f"The schema is broken: {broken}."] if broken else []
    parts += [] if got.strict else ["Answer with nothing but the JSON, without a fence or words around it."]
    return " ".join(parts) or "Right."
