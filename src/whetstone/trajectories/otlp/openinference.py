"""What a model was asked and answered, by the OpenInference conventions (Phoenix, Arize).

Messages come flattened (`llm.input_messages.0.message.role`) or as JSON; where they are missing, `input.value` and
`output.value` stand in, and OpenLLMetry's `traceloop.entity.input` / `traceloop.entity.output`.
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
    chat_messages,
    conversation,
    tool_definition,
)

_INPUT = ("input.value", "traceloop.entity.input")
_OUTPUT = ("output.value", "traceloop.entity.output")


def asked(attributes: Attributes) -> Conversation | None:
    """The conversation that the model was given; None when the span does not tell."""
    items = _listed(attributes, "llm.input_messages")
    if items:
        return conversation([message for item in items for message in chat_messages(_message(item))])
    if prompts := attributes.items("llm.prompts"):
        said = "\n".join(text(item.get("prompt.text", item.get(""))) for item in prompts)
        return conversation([{"role": "user", "content": said}])
    if (said := attributes.get("llm.prompts")) is not None:
        return conversation([{"role": "user", "content": text(said)}])
    value = attributes.get(*_INPUT)
    if value is None:
        return None
    body = parsed(value)
    given = body.get("messages") if isinstance(body, dict) else body
    if isinstance(given, list) and are_messages(given):
        system = (
            text(body["system"]) if isinstance(body, dict) and isinstance(body.get("system"), str) else ""
        )
        return conversation([message for item in given for message in chat_messages(item)], system)
    return conversation([{"role": "user", "content": text(value)}])


def answered(attributes: Attributes) -> Answer | None:
    """The first answer; None when the span does not tell."""
    reason = attributes.get("llm.finish_reason")
    if items := _listed(attributes, "llm.output_messages"):
        messages = [message for item in items for message in chat_messages(_message(item, "assistant"))]
        return answer(_joined(messages), reason)
    if choices := attributes.items("llm.choices"):
        said = text(choices[0].get("completion.text", choices[0].get("")))
        return answer([{"role": "assistant", "content": said}], reason)
    value = attributes.get(*_OUTPUT)
    if value is None:
        return None
    body = parsed(value)
    choices = objects(body.get("choices")) if isinstance(body, dict) else []
    message = choices[0].get("message") if choices else body
    if isinstance(message, dict) and ("content" in message or "tool_calls" in message):
        said_reason = choices[0].get("finish_reason") if choices else None
        return answer(chat_messages({"role": "assistant", **message}), reason or said_reason)
    return answer([{"role": "assistant", "content": text(value)}], reason)


def tools(attributes: Attributes) -> list[Json]:
    """The definitions of the tools that the model was offered."""
    raw = [item.get("tool.json_schema") for item in attributes.items("llm.tools")]
    if not raw:
        raw = [item.get("tool.json_schema", item) for item in objects(attributes.get("llm.tools"))]
    return [tool for item in raw if (tool := tool_definition(item)) is not None]


def documents(attributes: Attributes, *names: str) -> list[Json]:
    """Retrieved or reranked documents with the members `id`, `content`, `score`, `metadata`, …"""
    for name in names:
        if items := _listed(attributes, name):
            return [
                {key.removeprefix("document."): parsed(value) for key, value in item.items()}
                for item in items
            ]
    return []


def _listed(attributes: Attributes, name: str) -> list[Json]:
    """The items of a list that is flattened, or given as JSON under its own name."""
    if items := attributes.items(name):
        return items
    return objects(attributes.plain[name]) if name in attributes.plain else []


def _message(item: Mapping[str, Any], role: str = "user") -> Json:
    """One message from `message.role`, `message.content`, … or from `{"message": {…}}`, or as it is."""
    if isinstance(item.get("message"), dict):
        return {"role": role, **item["message"]}
    if not any(key.startswith("message.") for key in item):
        return {"role": role, **item}
    raw: Json = {"role": item.get("message.role") or role, "content": item.get("message.content")}
    if len(item) <= 2:
        return raw
    if parts := nested(item, "message.contents"):
        said = [_part(part) for part in parts]
        raw["content"] = ([raw["content"]] if raw["content"] else []) + said
    calls = nested(item, "message.tool_calls")
    if calls:
        raw["tool_calls"] = [_tool_call(call) for call in calls]
    elif name := item.get("message.function_call_name"):
        raw["tool_calls"] = [{"name": name, "arguments": item.get("message.function_call_arguments_json")}]
    for name in ("tool_call_id", "name"):
        if value := item.get(f"message.{name}"):
            raw[name] = value
    return raw


def _part(part: Json) -> Json:
    kind = part.get("message_content.type")
    if kind in {"text", "reasoning"} or (kind is None and "message_content.text" in part):
        return {"type": kind or "text", "text": text(part.get("message_content.text"))}
    if url := part.get("message_content.image.image.url"):
        return {"type": "image_url", "image_url": {"url": text(url)}}
    return {key.removeprefix("message_content."): value for key, value in part.items()}


def _tool_call(call: Json) -> Json:
    return {
        "id": call.get("tool_call.id"),
        "name": call.get("tool_call.function.name"),
        "arguments": call.get("tool_call.function.arguments"),
    }


def _joined(messages: Sequence[Json]) -> list[Json]:
    """An answer that some instrumentations spread over several messages, as one."""
    if len(messages) < 2 or any(message["role"] != "assistant" for message in messages):
        return list(messages)
    first = dict(messages[0])
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    if not first["content"]:
        first["content"] = next((message["content"] for message in messages if message["content"]), "")
    return [first | ({"tool_calls": calls} if calls else {})]
