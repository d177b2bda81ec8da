"""What a model was asked and answered, by the GenAI semantic conventions of OpenTelemetry, new and old.

In the order in which they are tried: the JSON attributes `gen_ai.input.messages` / `gen_ai.output.messages` /
`gen_ai.system_instructions` (also on the event `gen_ai.client.inference.operation.details`), the indexed attributes
`gen_ai.prompt.N.…` / `gen_ai.completion.N.…` (OpenLLMetry), one event a message (`gen_ai.user.message`,
`gen_ai.choice`), and the events `gen_ai.content.prompt` / `gen_ai.content.completion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whetstone.trajectories.otlp.attributes import Attributes, Json, nested, objects, parsed, text
from whetstone.trajectories.otlp.messages import (
    Answer,
    Conversation,
    answer,
    are_messages,
    are_parts,
    chat_messages,
    conversation,
    tool_definition,
)
from whetstone.trajectories.otlp.spans import SpanEvent

_INPUT_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE_EVENT = "gen_ai.choice"


def asked(attributes: Attributes, events: Sequence[SpanEvent]) -> Conversation | None:
    """The conversation that the model was given; None when the span does not tell by these conventions."""
    instructions = _instructions(attributes.get("gen_ai.system_instructions"))
    given = attributes.get("gen_ai.input.messages")
    if given is not None:
        return conversation(_messages(given), instructions)
    if items := attributes.items("gen_ai.prompt"):
        return conversation(_from_indexed(items), instructions)
    if (said := attributes.get("gen_ai.prompt")) is not None:
        return conversation(_messages(said), instructions)
    told = [message for event in events if (message := _input_event(event)) is not None]
    if not told:
        said = next(
            (e.attributes.get("gen_ai.prompt") for e in events if e.name == "gen_ai.content.prompt"), None
        )
        told = _messages(said) if said else []
    return conversation(told, instructions) if told or instructions else None


def answered(attributes: Attributes, events: Sequence[SpanEvent]) -> Answer | None:
    """The first choice; None when the span does not tell by these conventions."""
    given = attributes.get("gen_ai.output.messages")
    if given is not None:
        choices = objects(given)
        reason = choices[0].get("finish_reason") if choices else None
        return answer(_messages(given, "assistant"), reason)
    if items := attributes.items("gen_ai.completion"):
        return answer(_from_indexed(items[:1], "assistant"), items[0].get("finish_reason"))
    if (said := attributes.get("gen_ai.completion")) is not None:
        return answer(_messages(said, "assistant"))
    for event in events:
        if event.name == _CHOICE_EVENT:
            body = _body(event.attributes)
            message = parsed(body.get("message"))
            whole = body | message if isinstance(message, dict) else body
            return answer(
                chat_messages({"role": "assistant", **_without_role(whole)}), body.get("finish_reason")
            )
        if event.name == "gen_ai.content.completion":
            return answer(_messages(event.attributes.get("gen_ai.completion"), "assistant"))
    return None


def with_details(attributes: Mapping[str, Any], events: Sequence[SpanEvent]) -> Mapping[str, Any]:
    """The span's attributes and those of its event with the operation's details, where there is one."""
    for event in events:
        if event.name == "gen_ai.client.inference.operation.details":
            return {**event.attributes, **attributes}
    return attributes


def tools(attributes: Attributes) -> list[Json]:
    """The definitions of the tools that the model was offered."""
    given = parsed(attributes.get("gen_ai.tool.definitions"))
    raw = given if isinstance(given, list) else attributes.items("llm.request.functions")
    return [tool for item in raw if (tool := tool_definition(item)) is not None]


def _messages(value: Any, role: str = "user") -> list[Json]:
    """The messages in a list of them, in one, or in an object with a list; any other value is one text."""
    body = parsed(value)
    if isinstance(body, dict) and are_messages(body.get("messages")):
        body = body["messages"]
    if isinstance(body, dict) and ({"parts", "content"} & set(body)):
        body = [body]
    if isinstance(body, list) and body:
        items = [parsed(item) for item in body]
        if all(isinstance(item, dict) and {"role", "parts", "content"} & set(item) for item in items):
            return [message for item in items for message in chat_messages({"role": role, **item})]
    return [{"role": role, "content": text(value)}] if body else []


def _instructions(value: Any) -> str:
    if value is None:
        return ""
    value = parsed(value)
    parts = value if isinstance(value, list) else [value]
    said = (
        text(part.get("content") or part.get("text")) if isinstance(part, dict) else text(part)
        for part in parts
    )
    return "\n\n".join(part for part in said if part)


def _from_indexed(items: Sequence[Json], role: str = "user") -> list[Json]:
    messages = []
    for item in items:
        content = parsed(item.get("content"))
        raw: Json = {"role": item.get("role") or role}
        raw["content"] = content if are_parts(content) else item.get("content")
        if calls := nested(item, "tool_calls"):
            raw["tool_calls"] = calls
        for name in ("tool_call_id", "reasoning", "name"):
            if item.get(name):
                raw[name] = item[name]
        messages += chat_messages(raw)
    return messages


def _input_event(event: SpanEvent) -> Json | None:
    role = _INPUT_EVENTS.get(event.name)
    if role is None:
        return None
    body = _body(event.attributes)
    found = chat_messages({**body, "role": text(body.get("role")) or role})
    return found[0] if found else None


def _body(attributes: Mapping[str, Any]) -> Json:
    """What an event says: its attributes, or the JSON in `gen_ai.event.content`."""
    content = parsed(attributes.get("gen_ai.event.content"))
    return {**attributes, **content} if isinstance(content, dict) else dict(attributes)


def _without_role(value: Json) -> Json:
    return {name: item for name, item in value.items() if name not in {"role", "id"}}
