"""The conventions by which spans tell what a model was asked and answered, as real instrumentations write them."""

from __future__ import annotations

import pytest

from otlp_conventions import (
    EVENTS,
    FLATTENED,
    GENAI,
    GENAI_MESSAGES,
    INDEXED,
    MESSAGES,
    OPENINFERENCE,
    STRUCTURED,
    TOOL,
    TOOLS_ATTRIBUTE,
    Json,
    call,
    text,
)
from otlp_requests import START, span_id


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        pytest.param(GENAI | GENAI_MESSAGES, [], id="genai-json"),
        pytest.param(GENAI | STRUCTURED, [], id="genai-structured"),
        pytest.param(
            GENAI, [("gen_ai.client.inference.operation.details", GENAI_MESSAGES)], id="genai-details"
        ),
        pytest.param(GENAI | TOOLS_ATTRIBUTE, EVENTS, id="genai-events"),
        pytest.param(INDEXED, [], id="openllmetry-indexed"),
        pytest.param(OPENINFERENCE | FLATTENED, [], id="openinference"),
        pytest.param(OPENINFERENCE, [], id="openinference-values-only"),
    ],
)
def test_every_convention_gives_the_same_call(attributes: Json, events: list[tuple[str, Json]]) -> None:
    found = call(attributes, events=events)
    found.pop("metadata", None)
    assert found == {
        "callId": span_id(1),
        "stepId": span_id(9),
        "timestamp": START,
        "latencyMs": 100.0,
        "model": "gpt-x-2026",
        "provider": "openai",
        "temperature": 0.3,
        "topP": 0.9,
        "maxTokens": 64,
        "promptTokens": 15,
        "completionTokens": 5,
        "systemPrompt": "You are a clerk.",
        "userPrompt": "Where is order 7?",
        "messages": MESSAGES[1:],
        "response": "It ships.",
        "tools": [TOOL],
        "finishReason": "stop",
    }


@pytest.mark.parametrize(
    "answer",
    [
        GENAI
        | {
            "gen_ai.output.messages": text(
                [
                    {
                        "role": "assistant",
                        "parts": [
                            {"type": "reasoning", "content": "Look it up."},
                            {
                                "type": "tool_call",
                                "id": "call_1",
                                "name": "find_order",
                                "arguments": {"id": "7"},
                            },
                        ],
                    }
                ]
            )
        },
        GENAI
        | {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.reasoning": "Look it up.",
            "gen_ai.completion.0.tool_calls.0.id": "call_1",
            "gen_ai.completion.0.tool_calls.0.name": "find_order",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"id":"7"}',
        },
        {
            "openinference.span.kind": "LLM",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
            "llm.output_messages.0.message.contents.0.message_content.text": "Look it up.",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find_order",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id":"7"}',
        },
    ],
    ids=["genai", "indexed", "openinference"],
)
def test_tool_calls_and_reasoning_of_the_answer(answer: Json) -> None:
    found = call(answer)
    assert found["toolCalls"] == MESSAGES[2]["tool_calls"]
    assert found["reasoning"] == "Look it up."
    assert found["response"] == ""


def test_one_user_message_needs_no_list_of_messages() -> None:
    found = call({**GENAI, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": '[{"a": 1}]'})
    assert found["userPrompt"] == '[{"a": 1}]'
    assert "messages" not in found


def test_token_details_and_other_members() -> None:
    found = call(
        GENAI
        | {
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.cache_creation.input_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 2,
            "whetstone.purpose": "should_respond",
            "whetstone.step_type": "routing",
            "gen_ai.response.id": "chatcmpl-1",
            "long": "x" * 300,
            "tag.tags": ["vip"],
            "metadata": text({"purpose": "ignored", "scenarioId": "s-1"}),
        }
    )
    assert (found["cacheReadInputTokens"], found["cacheCreationInputTokens"], found["reasoningTokens"]) == (
        4,
        3,
        2,
    )
    assert (found["purpose"], found["stepType"], found["tags"]) == ("should_respond", "routing", ["vip"])
    assert found["metadata"] == {"gen_ai.response.id": "chatcmpl-1", "requestModel": "gpt-x"}


def test_a_failed_call_says_why() -> None:
    assert call(GENAI, error="Error code: 429")["error"] == "Error code: 429"
    assert call(GENAI, error="", events=[("exception", {"exception.message": "gone"})])["error"] == "gone"
    assert call(GENAI | {"error.type": "Timeout"}, error="")["error"] == "Timeout"
