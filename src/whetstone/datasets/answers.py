"""What an answer of an agent says: its JSON, its decision, the contexts it names and the action it calls.

Answers come as JSON (bare, or in a code fence), as lines of `name: value`, or as XML tags; agents of every age
of the reference wrote one of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

DECISIONS = ("RESPOND", "IGNORE", "STOP")

_FENCE = re.compile(r"^\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_FIELD = r"(?:^[ \t]*{name}[ \t]*:[ \t]*(?P<line>[^\n]*)$|<{name}>(?P<tag>.*?)</{name}>)"
_PRIMARY_CONTEXT = re.compile(_FIELD.format(name="primaryContext"), re.MULTILINE | re.DOTALL)
_SECONDARY_CONTEXTS = re.compile(_FIELD.format(name="secondaryContexts"), re.MULTILINE | re.DOTALL)
_ACTIONS = re.compile(_FIELD.format(name="actions?"), re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"[\w.-]+")
ACTION_KEYS = ("action", "actionName", "name", "type", "actions")


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, bare or in a code fence; None when it is anything else."""
    fenced = _FENCE.match(text)
    body = (fenced.group(1) if fenced else text).strip()
    if not body.startswith("{"):
        return None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def handler_object(text: str) -> dict[str, Any] | None:
    """The message-handler object of an answer: the JSON itself, or what its `messageHandler` holds."""
    answer = json_object(text)
    if answer is None:
        return None
    inner = answer.get("messageHandler")
    return inner if isinstance(inner, dict) else answer


def decision(text: str) -> str | None:
    """`RESPOND`, `IGNORE` or `STOP` when the answer is message-handler JSON with that action."""
    handler = handler_object(text)
    action = handler.get("action") if handler else None
    name = action.strip().upper() if isinstance(action, str) else None
    return name if name in DECISIONS else None


def context(text: str) -> str | None:
    """The context that an answer routes to: `primaryContext`, else the first of `contexts`."""
    handler = handler_object(text)
    if handler is not None:
        named = handler.get("primaryContext") or handler.get("contexts") or handler.get("secondaryContexts")
        first = named[0] if isinstance(named, list) and named else named
        return first if isinstance(first, str) and first else None
    for pattern in (_PRIMARY_CONTEXT, _SECONDARY_CONTEXTS):
        found = _field(pattern, text)
        name = _NAME.search(found) if found else None
        if name:
            return name.group()
    return None


def routes_context(text: str) -> bool:
    """Whether the answer has fields of context routing, in any of the three notations."""
    handler = handler_object(text)
    if handler is not None:
        return "primaryContext" in handler or "secondaryContexts" in handler
    # Most answers hold neither name, and a plain look for it is far quicker than the pattern.
    return bool(
        ("primaryContext" in text and _PRIMARY_CONTEXT.search(text))
        or ("secondaryContexts" in text and _SECONDARY_CONTEXTS.search(text))
    )


def is_handler_answer(text: str) -> bool:
    """Whether the answer has the message-handler shape (contract §10.2)."""
    answer = json_object(text)
    if answer is None:
        return False
    if isinstance(answer.get("messageHandler"), dict):
        return True
    return (
        isinstance(answer.get("action"), str)
        and isinstance(answer.get("contexts"), list)
        and isinstance(answer.get("thought"), str)
    )


def action_name(text: str) -> str | None:
    """The first action or tool that an answer calls; None when it calls none."""
    answer = json_object(text)
    if answer is not None:
        calls = answer.get("toolCalls") or answer.get("tool_calls")
        return tool_name(calls) or _named_action(answer)
    found = _field(_ACTIONS, text)
    name = _NAME.search(found) if found else None
    return name.group() if name else None


def tool_name(calls: Any) -> str | None:
    """Name of the first of some tool calls, in OpenAI's form or flat."""
    if not isinstance(calls, Sequence) or isinstance(calls, str) or not calls:
        return None
    first = calls[0]
    if not isinstance(first, Mapping):
        return None
    function = first.get("function")
    named = function if isinstance(function, Mapping) else first
    name = named.get("name") or named.get("toolName")
    return name if isinstance(name, str) and name else None


def plans_action(text: str) -> bool:
    """Whether the answer has the shape of a plan: names an action, or holds a thought beside a text."""
    answer = json_object(text)
    if answer is not None:
        return action_name(text) is not None or {"thought", "text"} <= answer.keys()
    return ("action" in text and _ACTIONS.search(text) is not None) or bool(
        "thought" in text
        and re.search(r"^\s*thought\s*:|<thought>", text, re.MULTILINE)
        and re.search(r"^\s*text\s*:|<text>", text, re.MULTILINE)
    )


def _field(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    if match is None:
        return None
    return match["tag"] if match["tag"] is not None else match["line"]


def _named_action(answer: Mapping[str, Any]) -> str | None:
    for key in ACTION_KEYS:
        value = answer.get(key)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, Mapping):
            first = first.get("name") or first.get("action")
        if isinstance(first, str) and first.strip():
            return first.strip()
    return None
