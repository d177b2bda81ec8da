"""Metrics of routing answers: `decision` compares the action, `routing` the action and the contexts.

An answer may be the message-handler JSON (`{"messageHandler": {"action": …, "contexts": […]}}` or without the
wrapper), lines or tags (`action: RESPOND`, `primaryContext: …`), or just the name of the action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.optimize.metrics.calls import read_plan, same_unread
from whetstone.optimize.metrics.parsing import (
    UnreadableError,
    field,
    json_objects,
    label,
    quote,
    single_word,
    unfenced,
    why_unreadable,
)
from whetstone.optimize.metrics.types import Answer, Score

_CONTEXT_KEYS = ("primaryContext", "secondaryContexts", "contexts")
_SHOWN_NAMES = 8
_LIST_SEPARATOR = re.compile(r"[,;|]")


@dataclass(frozen=True)
class _Routing:
    """What an answer decides; None where it does not say."""

    action: str | None
    contexts: frozenset[str] | None


def decision(expected: Answer, given: Answer) -> Score:
    """1 if both answers decide for the same action, else 0."""
    return _compare(expected, given, with_contexts=False)


def routing(expected: Answer, given: Answer) -> Score:
    """Half for the action, half for the contexts (F1 of the sets); whole for one where no other is expected."""
    return _compare(expected, given, with_contexts=True)


def _compare(expected: Answer, given: Answer, *, with_contexts: bool) -> Score:
    try:
        wanted = _read(expected, with_contexts=with_contexts)
    except UnreadableError:
        same = same_unread(expected, given)
        return Score(float(same), f"The expected answer is no decision, but the text {quote(expected.text)}.")
    try:
        got = _read(given, with_contexts=with_contexts)
    except UnreadableError as error:
        reason = f"the answer cannot be read: {error}; it was {quote(given.text)}"
        form = (
            f"Answer in the form of {quote(expected.text)}." if expected.text else "Answer with a tool call."
        )
        return Score(0.0, f"Expected {_describe(wanted)}, but {reason}. {form}", parsed=False)
    parts = []
    if wanted.action is not None:
        parts.append(float(wanted.action == got.action))
    if wanted.contexts is not None:
        parts.append(_set_f1(wanted.contexts, got.contexts or frozenset()))
    value = sum(parts) / len(parts)
    if value == 1:
        return Score(1.0, f"Right: {_describe(wanted)}.")
    feedback = f"Expected {_describe(wanted)}, but the answer says {_describe(got)}."
    return Score(value, feedback + _advice(wanted, got))


def decided(answer: Answer) -> str | None:
    """The action that an answer decides for, folded as it is compared; None where it says none."""
    return _class(answer, with_contexts=False)


def routed(answer: Answer) -> str | None:
    """The action and the contexts of an answer as one label, such as `respond/billing/orders`."""
    return _class(answer, with_contexts=True)


def _class(answer: Answer, *, with_contexts: bool) -> str | None:
    try:
        found = _read(answer, with_contexts=with_contexts)
    except UnreadableError:
        return None
    return "/".join([found.action or "", *sorted(found.contexts or ())]).strip("/")


def _advice(wanted: _Routing, got: _Routing) -> str:
    """What would have been right, as a rule."""
    parts = []
    if wanted.action is not None and wanted.action != got.action:
        parts.append(f" Messages like this one need {wanted.action.upper()[:80]}.")
    if wanted.contexts is not None and got.contexts is not None:
        missing, extra = wanted.contexts - got.contexts, got.contexts - wanted.contexts
        parts += [f" Missing: {_listed(missing)}."] if missing else []
        parts += [f" Not needed: {_listed(extra)}."] if extra else []
    return "".join(parts)


def _listed(names: frozenset[str]) -> str:
    shown = ", ".join(name[:40] for name in sorted(names)[:_SHOWN_NAMES])
    return f"{shown}, …" if len(names) > _SHOWN_NAMES else shown


def _read(answer: Answer, *, with_contexts: bool) -> _Routing:
    for found in _objects(answer):
        inner = found.get("messageHandler")
        routing = _from_json(inner if isinstance(inner, dict) else found)
        if routing is not None:
            break
    else:
        routing = _from_lines(unfenced(answer.text))
    if not with_contexts:
        routing = _Routing(routing.action, None)
    if routing.action is None and routing.contexts is None:
        raise UnreadableError(why_unreadable(answer.text))
    return routing


def _objects(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """The objects that may hold the decision: JSON in the text, else the arguments of tool calls."""
    if answer.text.strip() or not answer.tool_calls:
        return json_objects(answer.text)
    return [call.arguments for call in read_plan(answer).calls]


def _from_json(found: Mapping[str, Any]) -> _Routing | None:
    action = found.get("action")
    contexts = [name for key in _CONTEXT_KEYS for name in _names(found.get(key))]
    named = isinstance(action, str) and bool(label(action))
    routed = any(key in found for key in _CONTEXT_KEYS)
    if not named and not routed:
        return None
    return _Routing(label(str(action)) if named else None, frozenset(contexts) if routed else None)


def _from_lines(text: str) -> _Routing:
    action = field(text, "action") or single_word(text)
    lines = [line for key in _CONTEXT_KEYS if (line := field(text, key)) is not None]
    contexts = frozenset(name for line in lines for name in _names(line)) if lines else None
    return _Routing(label(action) or None if action else None, contexts)


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        value = _LIST_SEPARATOR.split(value)
    if not isinstance(value, list):
        return []
    names = (label(item) for item in value if isinstance(item, str))
    return [name for name in names if name and name not in {"none", "null"}]


def _set_f1(wanted: frozenset[str], got: frozenset[str]) -> float:
    if not wanted and not got:
        return 1.0
    return 2 * len(wanted & got) / (len(wanted) + len(got))


def _describe(routing: _Routing) -> str:
    parts = []
    if routing.action is not None:
        parts.append(f"the action {routing.action.upper()[:80]}")
    if routing.contexts is not None:
        parts.append(f"the contexts {_listed(routing.contexts) or '(none)'}")
    return " and ".join(parts)
