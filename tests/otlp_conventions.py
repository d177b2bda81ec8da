"""Attributes of model calls by every convention, all of one and the same call, and attributes of any kind."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import strategies as st

from otlp_requests import request, span
from whetstone.trajectories.input.fragments import TrajectoryFragment
from whetstone.trajectories.otlp.mapping import Mapped, trajectories
from whetstone.trajectories.otlp.otlp_json import decode_json

Json = dict[str, Any]

MESSAGES: list[Json] = [
    {"role": "system", "content": "You are a clerk."},
    {"role": "user", "content": "Where is order 7?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "find_order", "arguments": '{"id":"7"}'},
            }
        ],
    },
    {"role": "tool", "content": '{"state":"packed"}', "tool_call_id": "call_1"},
]
TOOL: Json = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Find",
        "parameters": {"type": "object", "properties": {}},
    },
}


def text(value: Any) -> str:
    return orjson.dumps(value).decode()


def part(content: str) -> Json:
    return {"type": "text", "content": content}


GENAI_INPUT = [
    {"role": "user", "parts": [part("Where is order 7?")]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "call_1", "name": "find_order", "arguments": {"id": "7"}}],
    },
    {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_1", "response": '{"state":"packed"}'}],
    },
]
GENAI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "OpenAI",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.response.model": "gpt-x-2026",
    "gen_ai.request.temperature": 0.3,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.max_tokens": 64,
    "gen_ai.usage.input_tokens": 15,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.response.finish_reasons": ["stop"],
}
GENAI_MESSAGES = {
    "gen_ai.system_instructions": text([part("You are a clerk.")]),
    "gen_ai.input.messages": text(GENAI_INPUT),
    "gen_ai.output.messages": text(
        [{"role": "assistant", "parts": [part("It ships.")], "finish_reason": "stop"}]
    ),
    "gen_ai.tool.definitions": text([{"type": "function", **TOOL["function"]}]),
}
STRUCTURED = {
    "gen_ai.system_instructions": [part("You are a clerk.")],
    "gen_ai.input.messages": GENAI_INPUT,
    "gen_ai.output.messages": [{"role": "assistant", "parts": [part("It ships.")]}],
    "gen_ai.tool.definitions": [{"type": "function", **TOOL["function"]}],
}
INDEXED = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.response.model": "gpt-x-2026",
    "gen_ai.request.temperature": 0.3,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.max_tokens": 64,
    "gen_ai.usage.prompt_tokens": 15,
    "gen_ai.usage.completion_tokens": 5,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "You are a clerk.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Where is order 7?",
    "gen_ai.prompt.2.role": "assistant",
    "gen_ai.prompt.2.tool_calls.0.id": "call_1",
    "gen_ai.prompt.2.tool_calls.0.name": "find_order",
    "gen_ai.prompt.2.tool_calls.0.arguments": '{"id":"7"}',
    "gen_ai.prompt.3.role": "tool",
    "gen_ai.prompt.3.content": '{"state":"packed"}',
    "gen_ai.prompt.3.tool_call_id": "call_1",
    "llm.request.functions.0.name": "find_order",
    "llm.request.functions.0.description": "Find",
    "llm.request.functions.0.parameters": text({"type": "object", "properties": {}}),
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "It ships.",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.model_name": "gpt-x-2026",
    "input.value": text({"messages": MESSAGES}),
    "input.mime_type": "application/json",
    "output.value": text({"choices": [{"message": {"role": "assistant", "content": "It ships."}}]}),
    "llm.invocation_parameters": text({"model": "gpt-x", "temperature": 0.3, "top_p": 0.9, "max_tokens": 64}),
    "llm.tools.0.tool.json_schema": text(TOOL),
    "llm.token_count.prompt": 15,
    "llm.token_count.completion": 5,
    "llm.finish_reason": "stop",
}
FLATTENED = {
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "You are a clerk.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "Where is order 7?",
    "llm.input_messages.2.message.role": "assistant",
    "llm.input_messages.2.message.tool_calls.0.tool_call.id": "call_1",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "find_order",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"id":"7"}',
    "llm.input_messages.3.message.role": "tool",
    "llm.input_messages.3.message.content": '{"state":"packed"}',
    "llm.input_messages.3.message.tool_call_id": "call_1",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "It ships.",
}
EVENTS: list[tuple[str, Json]] = [
    ("gen_ai.system.message", {"content": "You are a clerk."}),
    ("gen_ai.user.message", {"content": "Where is order 7?", "role": "user"}),
    (
        "gen_ai.assistant.message",
        {"gen_ai.event.content": text({"content": "", "tool_calls": MESSAGES[2]["tool_calls"]})},
    ),
    ("gen_ai.tool.message", {"content": '{"state":"packed"}', "id": "call_1"}),
    (
        "gen_ai.choice",
        {"index": 0, "finish_reason": "stop", "message": text({"role": "assistant", "content": "It ships."})},
    ),
]
TOOLS_ATTRIBUTE = {"gen_ai.tool.definitions": GENAI_MESSAGES["gen_ai.tool.definitions"]}

SCALARS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=20),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=12), VALUES, max_size=6)


def mapped(*spans: Json, **options: Any) -> list[Mapped]:
    return trajectories(decode_json(request(*spans, **options)).spans)


def record(*spans: Json, **options: Any) -> Json:
    """The one trajectory in the spans, as the store will see it."""
    [found] = mapped(*spans, **options)
    TrajectoryFragment.model_validate(found.record)
    return found.record


def call(attributes: Json, **options: Any) -> Json:
    [found] = record(span(1, "chat gpt-x", attributes, parent=9, **options))["llmCalls"]
    result: Json = found
    return result
