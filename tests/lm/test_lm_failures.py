"""What can go wrong at an endpoint, driven by a real peer: each has its own class and says what to do."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_tools import ask, peer_client
from openai_peer import OpenAIPeer, Reply
from whetstone.lm.errors import (
    LMContextOverflowError,
    LMError,
    LMOverloadedError,
    LMQuotaError,
    LMRequestError,
    LMResponseError,
    LMTimeoutError,
    LMUnavailableError,
)
from whetstone.lm.refusals import ContextOverflow, context_overflow, quota_is_used_up
from whetstone.lm.wire import error_message
from whetstone.settings import Settings

_EVER = 4  # attempts of `peer_client`


def refusal(message: str, **details: object) -> bytes:
    return orjson.dumps({"error": {"message": message, **details}})


async def failure(settings: Settings, peer: OpenAIPeer, *replies: Reply, timeout: float = 5) -> LMError:
    """How the call ends when the peer reacts so."""
    peer.script(*replies)
    async with peer_client(settings, peer, lm_timeout_seconds=timeout) as client:
        with pytest.raises(LMError) as caught:
            await client.complete(ask("hi"))
        assert client.usage.errors == 1
        assert (client.usage.prompt_tokens, client.usage.completion_tokens) == (0, 0)
        peer._scripted.clear()
        assert (await client.complete(ask("hi"))).text == "hi", "a failure is neither kept nor does it block"
    return caught.value


async def test_a_storm_of_429(settings: Settings, openai_peer: OpenAIPeer) -> None:
    error = await failure(settings, openai_peer, *[Reply(status=429)] * _EVER)
    assert type(error) is LMOverloadedError
    assert "429" in str(error)
    assert "WHETSTONE_LM_CONCURRENCY" in str(error)


async def test_an_endpoint_that_accepts_and_never_answers(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    started = time.monotonic()
    error = await failure(settings, openai_peer, *[Reply(hang=True)] * _EVER, timeout=0.2)
    assert type(error) is LMTimeoutError
    assert "gave no answer within 0.2 seconds" in str(error)
    assert time.monotonic() - started < 20


async def test_silence_in_the_middle_of_an_answer(settings: Settings, openai_peer: OpenAIPeer) -> None:
    replies = [Reply(hang=True, partial=30)] * _EVER
    error = await failure(settings, openai_peer, *replies, timeout=0.2)
    assert type(error) is LMTimeoutError
    assert "began its answer but did not end it within 0.2 seconds" in str(error)


@pytest.mark.parametrize("partial", [0, 30])
async def test_the_end_of_the_connection_in_the_middle_of_an_answer(
    settings: Settings, openai_peer: OpenAIPeer, partial: int
) -> None:
    error = await failure(settings, openai_peer, *[Reply(disconnect=True, partial=partial)] * _EVER)
    assert type(error) is LMUnavailableError
    assert "broke off in the middle of its answer" in str(error)


async def test_the_end_of_the_connection_before_an_answer(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    error = await failure(settings, openai_peer, *[Reply(disconnect=True)] * _EVER)
    assert type(error) is LMUnavailableError
    assert "failed" in str(error)


async def test_half_an_answer_is_asked_for_again(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(disconnect=True, partial=30), Reply(hang=True, partial=30))
    async with peer_client(settings, openai_peer, lm_timeout_seconds=0.3) as client:
        assert (await client.complete(ask("hi"))).text == "hi"
    assert client.usage.calls == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"choices": [{"mess', "not JSON"),
        (b"", "empty"),
        (b'{"choices": []}', "without any choice"),
        (b'{"choices": [{"index": 0}]}', "without a message"),
        (refusal("upstream is down"), "upstream is down"),
    ],
)
async def test_no_completion_in_a_success(
    settings: Settings, openai_peer: OpenAIPeer, body: bytes, words: str
) -> None:
    error = await failure(settings, openai_peer, Reply(body=body))
    assert type(error) is LMResponseError
    assert words in str(error)
    assert len(openai_peer.calls) == 2, "it was answered, and probably billed: no retry"


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("content", ["", None])
async def test_an_empty_text_is_an_answer(
    settings: Settings, openai_peer: OpenAIPeer, content: str | None, finish: str
) -> None:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    openai_peer.script(Reply(body=orjson.dumps({"choices": [choice]})))
    async with peer_client(settings, openai_peer) as client:
        for cached in (False, True):
            response = await client.complete(ask("hi"))
            assert (response.text, response.finish_reason, response.cached) == ("", finish, cached)


_OVERFLOWS = [
    # OpenAI
    (400, "This model's maximum context length is 8192 tokens. However, you requested 8292 tokens (8192 in messages).",
     {"code": "context_length_exceeded"}, 100),
    (400, "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens.",
     {"code": "context_length_exceeded"}, 353),
    (400, "Your input exceeds the context window of this model.", {"code": "context_length_exceeded"}, None),
    # llama.cpp, newer and older
    (400, "request (5100 tokens) exceeds the available context size (4096 tokens), try increasing it",
     {"type": "exceed_context_size_error", "n_prompt_tokens": 5100, "n_ctx": 4096}, 1004),
    (500, "the request exceeds the available context size. try increasing the context size", {}, None),
    (200, "the request exceeds the available context size", {"n_prompt_tokens": 300, "n_ctx": 256}, 44),
    # vLLM and SGLang
    (400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096.", {}, 904),
    (400, "The prompt (total length 25938) is too long to fit into the model (context length 4096).", {}, 21842),
    (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens).", {}, 808),
    # Ollama, OpenRouter, Anthropic, Google, xAI, Groq
    (400, "prompt too long; exceeded max context length by 12 tokens", {}, 12),
    (400, "This endpoint's maximum context length is 128000 tokens. However, you requested about 128,500 tokens.",
     {}, 500),
    (400, "prompt is too long: 213462 tokens > 200000 maximum", {}, 13462),
    (400, "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", {}, 147690),
    (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", {}, 406740),
    (413, "Please reduce the length of the messages or completion.", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "details", "excess"), _OVERFLOWS)
async def test_a_request_longer_than_the_context(
    settings: Settings,
    openai_peer: OpenAIPeer,
    status: int,
    message: str,
    details: dict[str, object],
    excess: int | None,
) -> None:
    error = await failure(settings, openai_peer, Reply(status=status, body=refusal(message, **details)))
    assert isinstance(error, LMContextOverflowError)
    assert error.excess == excess
    assert not error.concerns_every_request
    assert (f"by {excess} tokens" in str(error)) is (excess is not None)
    assert "show fewer or shorter demonstrations" in str(error)
    assert len(openai_peer.calls) == 2, "it is not retried"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "Request too large: the input token count (9) exceeds the maximum (5) per minute."),
        (400, "Unknown field `context`."),
        (400, "max_tokens must be at least 1"),
        (401, "maximum context length"),
        (503, "prompt is too long in the queue"),
    ],
)
def test_what_is_no_context_overflow(status: int, message: str) -> None:
    assert context_overflow(status, refusal(message), message) is None


async def test_an_empty_account_is_not_asked_again(settings: Settings, openai_peer: OpenAIPeer) -> None:
    body = refusal("You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota")
    error = await failure(settings, openai_peer, Reply(status=429, body=body))
    assert isinstance(error, LMQuotaError)
    assert error.concerns_every_request
    assert "Add credit" in str(error)
    assert len(openai_peer.calls) == 2


async def test_a_rate_limit_that_speaks_of_a_quota_passes(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    body = refusal("Quota exceeded for requests per minute: insufficient quota", status="RESOURCE_EXHAUSTED")
    openai_peer.script(Reply(status=429, body=body))
    async with peer_client(settings, openai_peer) as client:
        assert (await client.complete(ask("hi"))).text == "hi"


@pytest.mark.parametrize(
    ("status", "every"), [(400, False), (401, True), (402, True), (403, True), (404, True), (422, False)]
)
async def test_whether_a_refusal_concerns_every_request(
    settings: Settings, openai_peer: OpenAIPeer, status: int, every: bool
) -> None:
    error = await failure(settings, openai_peer, Reply(status=status))
    assert isinstance(error, LMRequestError)
    assert error.concerns_every_request is every


async def test_the_hint_names_the_settings_of_the_role(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=401))
    async with peer_client(settings, openai_peer, role="judge") as client:
        with pytest.raises(LMRequestError, match="WHETSTONE_JUDGE_LM_API_KEY"):
            await client.complete(ask("hi"))


async def test_one_failure_among_many_calls_costs_the_others_nothing(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.01
    openai_peer.script(
        Reply(body=b"{"),
        Reply(status=429),
        Reply(hang=True),
        Reply(disconnect=True, partial=9),
        Reply(status=400, body=refusal("prompt is too long: 9 tokens > 5 maximum")),
        Reply(status=500),
    )
    async with peer_client(settings, openai_peer, lm_concurrency=4, lm_timeout_seconds=0.5) as client:
        results = await asyncio.gather(
            *(client.complete(ask(f"{number}")) for number in range(40)), return_exceptions=True
        )
    failed = [result for result in results if isinstance(result, BaseException)]
    assert sorted(type(each).__name__ for each in failed) == ["LMContextOverflowError", "LMResponseError"]
    for number, result in enumerate(results):
        assert isinstance(result, BaseException) or result.text == f"{number}"


@given(st.integers(100, 599), st.binary(max_size=200) | st.text(max_size=200).map(refusal))
def test_no_body_crashes_the_classification(status: int, body: bytes) -> None:
    words = error_message(body)
    assert isinstance(context_overflow(status, body, words), ContextOverflow | None)
    assert isinstance(quota_is_used_up(body), bool)
