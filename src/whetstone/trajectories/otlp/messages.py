"""Chat messages in the form of the OpenAI protocol, from the forms in which telemetry writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whetstone.trajectories.otlp.attributes import Json, objects, parsed, text

_SYSTEM_ROLES = frozenset({"system", "developer"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_THOUGHTS = frozenset({"reasoning", "thinking"})
_CALLS = frozenset({"tool_call", "tool_use", "tool-call", "server_tool_call"})
_RESULTS = frozenset({"tool_call_response", "tool_result", "tool-result", "server_tool_call_response"})


@dataclass(slots=True)
class Conversation:
    """What a model was given: system prompt, the other messages, and the last thing that a user said."""

    system: str = ""
    messages: list[Json] = field(default_factory=list)
    user: str = ""


@dataclass(slots=True)
class Answer:
    """What a model answered."""

    text: str = ""
    tool_calls: list[Json] = field(default_factory=list)
    reasoning: str = ""
    finish_reason: str = ""


def chat_messages(raw: Mapping[str, Any]) -> list[Json]:
    """The chat messages in one message of a conversation.

    `raw` has `parts` (GenAI conventions), or `content` as a text or a list of parts (OpenAI, Anthropic). Several
    tool results in one message become a message each.
    """
    role = text(raw.get("role")) or "user"
    if len(raw) == 2 and "role" in raw and isinstance(said := raw.get("content"), str):
        return [{"role": role, "content": said}]
    body = parsed(raw["parts"]) if "parts" in raw else raw.get("content")
    if not isinstance(body, list):
        body = [] if body is None else [{"type": "text", "text": text(body)}]
    contents, calls, results, thoughts = _sorted_parts(body)
    if given := raw.get("tool_calls"):
        calls += [tool_call(call) for call in objects(given)]
    thoughts += [said for name in ("reasoning", "reasoning_content") if (said := text(raw.get(name)))]
    message: Json = {"role": role, "content": _content(contents)}
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning"] = "\n".join(thoughts)
    for name in ("name", "tool_call_id"):
        if raw.get(name):
            message[name] = text(raw[name])
    if role == "tool" and "tool_call_id" not in message and raw.get("id"):
        message["tool_call_id"] = text(raw["id"])
    says = message["content"] or calls or thoughts
    return [*results, message] if says or not results else results


def are_parts(value: Any) -> bool:
    """Whether `value` is a list of the parts of a message, and not data that happens to be a list."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)
    )


def are_messages(value: Any) -> bool:
    """Whether `value` is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in value)
    )


def _sorted_parts(parts: Sequence[Any]) -> tuple[list[Any], list[Json], list[Json], list[str]]:
    contents: list[Any] = []
    calls: list[Json] = []
    results: list[Json] = []
    thoughts: list[str] = []
    for part in parts:
        if not isinstance(part, dict):
            contents.append(text(part))
            continue
        kind = part.get("type")
        if kind in _TEXT_PARTS:
            contents.append(text(part.get("content") or part.get("text")))
        elif kind in _THOUGHTS:
            thoughts.append(text(part.get("content") or part.get("thinking") or part.get("text")))
        elif kind in _CALLS:
            calls.append(tool_call(part))
        elif kind in _RESULTS:
            results.append(_tool_result(part))
        else:
            contents.append(part)
    return contents, calls, results, thoughts


def _content(contents: list[Any]) -> Any:
    """A text where all parts are text, else the list of parts."""
    if all(isinstance(part, str) for part in contents):
        return "\n".join(contents)
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in contents]


def tool_call(raw: Mapping[str, Any]) -> Json:
    """`{"id", "type": "function", "function": {"name", "arguments": JSON text}}` of any form of a tool call."""
    function = raw.get("function")
    body = function if isinstance(function, dict) else raw
    name = body.get("name") or body.get("toolName")
    arguments = next(
        (
            body[key]
            for key in ("arguments", "input", "args", "server_tool_call")
            if body.get(key) is not None
        ),
        None,
    )
    call: Json = {
        "type": "function",
        "function": {"name": text(name), "arguments": "{}" if arguments is None else text(arguments)},
    }
    identifier = raw.get("id") or raw.get("toolCallId")
    return {"id": text(identifier)} | call if identifier else call


def _tool_result(part: Json) -> Json:
    said = next(
        (
            part[key]
            for key in ("response", "result", "content", "output", "server_tool_call_response")
            if part.get(key) is not None
        ),
        None,
    )
    message: Json = {"role": "tool", "content": text(said)}
    identifier = part.get("id") or part.get("tool_use_id") or part.get("toolCallId")
    return message | {"tool_call_id": text(identifier)} if identifier else message


def tool_definition(raw: Any) -> Json | None:
    """`{"type": "function", "function": {…}}` of a function's definition; others as they are."""
    raw = parsed(raw)
    if not isinstance(raw, dict):
        return None
    if isinstance(raw.get("function"), dict) or not raw.get("name"):
        return raw
    if raw.get("type", "function") != "function":
        return raw
    function = {key: value for key, value in raw.items() if key != "type" and value is not None}
    if "parameters" in function:
        function["parameters"] = parsed(function["parameters"])
    return {"type": "function", "function": function}


def conversation(messages: Iterable[Json], system: str = "") -> Conversation:
    """Messages sorted out: the leading system messages are the system prompt, and no longer in the list."""
    found = Conversation()
    prompts = [system] if system else []
    for message in messages:
        if not found.messages and message["role"] in _SYSTEM_ROLES:
            if (said := plain_text(message["content"])) != system:
                prompts.append(said)
            continue
        found.messages.append(message)
        if message["role"] == "user":
            found.user = plain_text(message["content"])
    found.system = "\n\n".join(prompts)
    only = found.messages[0] if len(found.messages) == 1 else None
    if only is not None and set(only) == {"role", "content"} and only["content"] == found.user:
        found.messages = []  # the user prompt says it all
    return found


def answer(messages: Sequence[Json], finish_reason: Any = None) -> Answer:
    """The answer in the first of `messages`, a model's choices."""
    if not messages:
        return Answer(finish_reason=text(finish_reason))
    first = messages[0]
    return Answer(
        text=plain_text(first["content"]),
        tool_calls=first.get("tool_calls", []),
        reasoning=first.get("reasoning", ""),
        finish_reason=text(finish_reason),
    )


def plain_text(content: Any) -> str:
    """A message's content as text; parts that are not text are left out."""
    if isinstance(content, list):
        texts = [
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        ]
        return "\n".join(said for said in texts if isinstance(said, str))
    return text(content)
