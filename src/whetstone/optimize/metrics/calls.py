"""Reading which actions or tools an answer calls."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.datasets.answers import ACTION_KEYS
from whetstone.optimize.metrics.accepted import first_accepted
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


@dataclass(frozen=True)
class Call:
    """An action or tool with its arguments (empty where it takes none).

    `accepted` holds, of an expected call, the right values of each argument where there are several.
    """

    name: str
    arguments: Mapping[str, Any]
    accepted: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """What an answer does: its calls in order.

    `spoken`: it is plain text that attempts no call. `parallel`: it is in the form of tool calls, which are made
    at once, so that their order means nothing, and beside which an answer in plain text is no call.
    """

    calls: tuple[Call, ...]
    spoken: bool = False
    parallel: bool = False


def read_plan(answer: Answer) -> Plan:
    """The calls of an answer: its tool calls, else the JSON, lines, tags or single name in its text.

    No calls and not `spoken` means that the answer says in so many words that nothing is to be done. Raises
    `UnreadableError` for an answer that attempts a call which cannot be read.
    """
    if answer.tool_calls:
        return _plan([_tool_call(call) for call in answer.tool_calls], parallel=True)
    text = answer.text[:MAX_LENGTH]
    for found in json_objects(text):
        plan = _from_json(found)
        if plan is not None:
            return plan
    return _from_lines(text)


def same_unread(expected: Answer, given: Answer) -> bool:
    """Whether an answer says the same as an expected one from which nothing can be made out."""
    if label(expected.text) != label(given.text):
        return False
    try:
        return list(expected.tool_calls) == list(given.tool_calls)
    except RecursionError:
        return expected.tool_calls is given.tool_calls


def _plan(calls: Sequence[Call], *, parallel: bool = False) -> Plan:
    return Plan(tuple(call for call in calls if label(call.name) not in _NOTHING), parallel=parallel)


def _from_json(found: Mapping[str, Any]) -> Plan | None:
    for key in ("toolCalls", "tool_calls"):
        if isinstance(found.get(key), list) and found[key]:
            return _plan([_tool_call(call) for call in found[key]], parallel=True)
    for key in ACTION_KEYS:
        if key not in found:
            continue
        value = found[key]
        named = value if isinstance(value, list) else [value]
        arguments = _arguments(found)
        return _plan([_named_call(item, arguments if len(named) == 1 else {}) for item in named])
    return Plan((), parallel=True) if "toolCalls" in found or "tool_calls" in found else None


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
    arguments = _arguments(body)
    accepted = call.get("acceptedArguments", body.get("acceptedArguments"))
    if not isinstance(accepted, Mapping):
        return Call(name, arguments)
    if not is_shallow(accepted):
        raise UnreadableError("accepted arguments nested too deep")
    return Call(name, arguments or first_accepted(accepted), accepted)


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
