"""The chat-completions protocol: canonical bodies, and answers of every quality."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_tools import ask
from whetstone.errors import InvalidInputError
from whetstone.lm.cache import cache_key
from whetstone.lm.client import LMClient
from whetstone.lm.errors import LMResponseError
from whetstone.lm.local import LocalModel
from whetstone.lm.types import ChatRequest, ChatResponse, Usage
from whetstone.lm.wire import (
    decode_response,
    encode_request,
    error_message,
    estimate_prompt_tokens,
    max_prompt_tokens,
)
from whetstone.settings import Settings

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "error", "tool_calls", "text", "model"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def decode(content: bytes) -> ChatResponse:
    return decode_response(content, model="asked", prompt_estimate=11, latency_ms=5)


def answer_with(message: Any, **rest: Any) -> ChatResponse:
    return decode(orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **rest}))


def test_only_what_is_set_is_sent() -> None:
    assert json.loads(encode_request(ask("hi"), "m")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "max_tokens": 512,
    }
    full = ask(
        "hi", temperature=None, top_p=0.9, stop=("\n",), seed=0, response_format={"type": "json_object"}
    )
    body = json.loads(encode_request(full, "m", max_tokens_field="max_completion_tokens"))
    assert "temperature" not in body
    assert (body["top_p"], body["stop"], body["seed"]) == (0.9, ["\n"], 0)
    assert body["response_format"] == {"type": "json_object"}
    assert body["max_completion_tokens"] == 512


def test_equal_requests_have_equal_bytes_whatever_the_key_order() -> None:
    one = ask("hi", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    two = ask("hi", tools=[{"function": {"parameters": {}, "name": "f"}, "type": "function"}])
    assert encode_request(one, "m") == encode_request(two, "m")


def test_the_key_covers_request_model_endpoint_and_repeat() -> None:
    variants = [
        ("e", encode_request(ask("hi"), "m"), 0),
        ("e", encode_request(ask("hi"), "m"), 1),
        ("e", encode_request(ask("hi"), "n"), 0),
        ("f", encode_request(ask("hi"), "m"), 0),
        ("e", encode_request(ask("hi", max_tokens=9), "m"), 0),
        ("e", encode_request(ask("hi", seed=1), "m"), 0),
    ]
    assert len({cache_key(*variant) for variant in variants}) == len(variants)


def test_text_that_is_not_unicode_is_refused_in_plain_words() -> None:
    with pytest.raises(InvalidInputError, match="not valid JSON"):
        encode_request(ask("\ud800"), "m")


def test_a_normal_answer() -> None:
    response = answer_with(
        {"content": "yes"}, usage={"prompt_tokens": 3, "completion_tokens": 1}, model="answered"
    )
    assert response == ChatResponse("yes", (), Usage(3, 1), "stop", "answered", 5)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        (7, ""),
        ([{"type": "text", "text": "a"}, {"text": "b"}, 3, {"text": None}], "ab"),
    ],
)
def test_content_of_other_kinds(content: Any, text: str) -> None:
    assert answer_with({"content": content}).text == text


def test_tool_calls_are_kept_as_they_came() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    assert answer_with({"content": None, "tool_calls": [call]}).tool_calls == (call,)
    assert answer_with({"content": "x", "tool_calls": None}).tool_calls == ()


def test_missing_usage_is_estimated() -> None:
    usage = answer_with({"content": "x" * 300}).usage
    assert usage.prompt_tokens == 11
    assert usage.completion_tokens >= 75


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b'{"choices":[null]}']
)
def test_what_is_no_completion_is_an_error(content: bytes) -> None:
    with pytest.raises(LMResponseError):
        decode(content)


def test_an_error_with_status_200_is_told() -> None:
    with pytest.raises(LMResponseError, match="upstream is down"):
        decode(b'{"error": {"message": "upstream is down"}}')


@given(_JSON)
def test_no_answer_crashes_the_reader(body: Any) -> None:
    try:
        response = decode(json.dumps(body).encode())
    except LMResponseError:
        return
    assert isinstance(response.text, str)
    assert response.usage.total_tokens >= 0


@given(st.binary(max_size=2000))
def test_no_error_body_crashes_the_reader(content: bytes) -> None:
    assert len(error_message(content)) <= 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"error": {"message": "too  long\\n"}}', "too long"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"message": "no"}', "no"),
        (b'{"detail": "no"}', "no"),
        (b"plain", "plain"),
        (b"<HTML><body>502</body>", ""),
        (b"{}", ""),
    ],
)
def test_the_endpoints_own_words(content: bytes, words: str) -> None:
    assert error_message(content) == words


@given(st.text(max_size=300), st.text(max_size=20))
def test_the_bound_of_the_prompt_is_above_its_bytes_and_its_estimate(text: str, name: str) -> None:
    tools = [{"type": "function", "function": {"name": name, "description": text}}]
    calls = [
        {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps({"a": text})}}
    ]
    for request in (
        ask(text),
        ask("", tools=tools),
        ask(
            "",
            response_format={"type": "json_schema", "json_schema": {"name": name, "schema": {"title": text}}},
        ),
        ChatRequest(messages=({"role": "assistant", "content": None, "tool_calls": calls},)),
        ChatRequest(messages=({"role": "user", "content": "", "name": text},)),
    ):
        bound = max_prompt_tokens(request)
        assert bound >= len(text.encode())
        assert bound >= estimate_prompt_tokens(request, encode_request(request, "m"))


def test_the_bound_grows_by_each_message() -> None:
    one = ask("ü" * 100)
    many = ChatRequest(messages=one.messages * 10)
    assert max_prompt_tokens(many) - max_prompt_tokens(one) >= 9 * 200


def test_an_estimated_answer_is_never_longer_than_asked_for() -> None:
    body = orjson.dumps({"choices": [{"message": {"content": "x" * 3000}}]})
    response = decode_response(body, model="m", prompt_estimate=1, latency_ms=1, max_completion=20)
    assert response.usage.completion_tokens == 20


@pytest.mark.slow
async def test_a_real_tokenizer_stays_below_the_bound(settings: Settings) -> None:
    texts = [
        "",
        "plain words",
        "ünïcödé",
        "日本語のテキスト",
        "🧪" * 40,
        "\x01\x02",
        "a b c d e f g",
        "1 2 3 4 5 6",
    ]
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    ]
    requests = [ask(text, max_tokens=1) for text in texts] + [ask("hi", tools=tools, max_tokens=1)]
    try:
        async with LMClient.from_settings(settings) as client:
            for request in requests:
                usage = (await client.complete(request)).usage
                assert usage.prompt_tokens <= max_prompt_tokens(request)
    finally:
        await LocalModel(settings).stop()
