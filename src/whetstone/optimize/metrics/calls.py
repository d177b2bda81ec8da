"""Reading which actions or tools an answer calls, and whether two argument values are the same."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.datasets.answers import ACTION_KEYS
from whetstone.optimize.metrics.parsing import (
    MAX_LENGTH,
    UnreadableError,
    field,
    is_shallow,
    json_objects,
    label,
    parse_json,
    single_word,
    unfenced,
    why_unreadable,
)
from whetstone.optimize.metrics.types import Answer

_ARGUMENT_KEYS = ("parameters", "params", "args", "arguments", "input")
_NOTHING = frozenset({"", "none", "null", "nothing", "no_action", "noop"})
_ACTION_WORD = re.compile(r"[A-Z][A-Z0-9_]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?")
_RELATIVE_TOLERANCE = 1e-6
_ABSOLUTE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Call:
    """An action or tool with its arguments (empty where it takes none)."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What an answer does: its calls in order. `spoken`: it is plain text that attempts no call."""

    calls: tuple[Call, ...]
    spoken: bool = False


def read_plan(answer: Answer) -> Plan:
    """The calls of an answer: its tool calls, else the JSON, lines, tags or single name in its text.

    No calls and not `spoken` means that the answer says in so many words that nothing is to be done. Raises
    `UnreadableError` for an answer that attempts a call which cannot be read.
    """
    if answer.tool_calls:
        return _plan([_tool_call(call) for call in answer.tool_calls])
    text = answer.text[:MAX_LENGTH]
    for found in json_objects(text):
        plan = _from_json(found)
        if plan is not None:
            return plan
    return _from_lines(text)


def _plan(calls: Sequence[Call]) -> Plan:
    return Plan(tuple(call for call in calls if label(call.name) not in _NOTHING))


def _from_json(found: Mapping[str, Any]) -> Plan | None:
    for key in ("toolCalls", "tool_calls"):
        if isinstance(found.get(key), list) and found[key]:
            return _plan([_tool_call(call) for call in found[key]])
    for key in ACTION_KEYS:
        if key not in found:
            continue
        value = found[key]
        named = value if isinstance(value, list) else [value]
        arguments = _arguments(found)
        return _plan([_named_call(item, arguments if len(named) == 1 else {}) for item in named])
    return Plan(()) if "toolCalls" in found or "tool_calls" in found else None


def _named_call(value: Any, arguments: Mapping[str, Any]) -> Call:
    if value is None:
        return Call("", {})
    if isinstance(value, str):
        return Call(value, arguments)
    if isinstance(value, Mapping):
        name = next((value[key] for key in ACTION_KEYS if isinstance(value.get(key), str)), None)
        if name is not None:
            return Call(name, _arguments(value))
    raise UnreadableError("an action without a name")


def _tool_call(call: Any) -> Call:
    if not isinstance(call, Mapping):
        raise UnreadableError("a tool call that is not an object")
    function = call.get("function")
    body = function if isinstance(function, Mapping) else call
    name = body.get("name") or body.get("toolName") or body.get("tool")
    if not isinstance(name, str):
        raise UnreadableError("a tool call without a name")
    return Call(name, _arguments(body))


def _arguments(body: Mapping[str, Any]) -> Mapping[str, Any]:
    value: Any = next((body[key] for key in _ARGUMENT_KEYS if body.get(key) is not None), {})
    if isinstance(value, str):
        value = parse_json(value) if value.strip() else {}
    if not isinstance(value, Mapping):
        raise UnreadableError("arguments that are not an object")
    if not is_shallow(value):
        raise UnreadableError("arguments nested too deep")
    return value


def _from_lines(text: str) -> Plan:
    body = unfenced(text)
    named = field(body, "actions?", "actionName")
    if named is not None:
        names = [name.strip() for name in named.strip("[]").split(",")]
        written = field(body, *_ARGUMENT_KEYS) or ""
        arguments = _arguments({"arguments": written}) if written.startswith("{") and len(names) == 1 else {}
        return _plan([Call(name, arguments) for name in names])
    word = single_word(body)
    if word and _ACTION_WORD.fullmatch(word):
        return _plan([Call(word, {})])
    if body.startswith(("{", "[", "<")) or "```" in text or '{"' in body:
        raise UnreadableError(why_unreadable(text))
    return Plan((), spoken=True)


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
        return _fold(str(one)) == _fold(str(other))
    return one is None and other is None


def folded_keys(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by case-folded name, without those that are null."""
    return {_fold(str(key)): value for key, value in arguments.items() if value is not None}


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


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
