"""The client against a real loopback peer: retries, limits, cancellation, errors in plain words."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from lm_tools import ask, peer_client, peer_settings, wait_until
from openai_peer import OpenAIPeer, Reply
from whetstone.errors import InvalidInputError
from whetstone.lm.budget import Budget
from whetstone.lm.client import LMClient
from whetstone.lm.endpoint import RemoteEndpoint
from whetstone.lm.errors import BudgetExhausted, LMRequestError, LMResponseError, LMUnavailableError
from whetstone.lm.retry import RetryPolicy
from whetstone.lm.wire import max_prompt_tokens
from whetstone.settings import Settings


async def test_an_answer_and_its_accounting(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.answer = lambda messages: messages[-1]["content"].upper()
    async with peer_client(settings, openai_peer) as client:
        response = await client.complete(ask("hello"))
        assert response.text == "HELLO"
        assert response.model == "peer-model"
        assert response.finish_reason == "stop"
        assert not response.cached
        again = await client.complete(ask("hello"))
    assert again.text == "HELLO"
    assert again.cached
    totals = client.usage.to_dict()
    seconds = totals.pop("seconds")
    assert seconds >= 0
    assert totals == {"calls": 1, "cacheHits": 1, "promptTokens": 2, "completionTokens": 2, "errors": 0}
    assert len(openai_peer.calls) == 1


async def test_tool_calls_come_through(settings: Settings, openai_peer: OpenAIPeer) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
    openai_peer.answer = lambda _: {"role": "assistant", "content": None, "tool_calls": [call]}
    async with peer_client(settings, openai_peer) as client:
        for cached in (False, True):
            response = await client.complete(ask("refund me", tools=[{"type": "function"}]))
            assert (response.text, response.tool_calls, response.cached) == ("", (call,), cached)
    assert openai_peer.calls[0].body["tools"] == [{"type": "function"}]


@pytest.mark.parametrize("key", [None, "key-of-the-peer"])
async def test_the_key_is_sent_only_when_set(
    settings: Settings, openai_peer: OpenAIPeer, key: str | None
) -> None:
    secret = SecretStr(key) if key else None
    async with peer_client(settings, openai_peer, lm_api_key=secret) as client:
        await client.complete(ask("hi"))
    assert openai_peer.calls[0].headers.get("authorization") == (f"Bearer {key}" if key else None)


async def test_no_proxy_stands_before_a_loopback_endpoint(
    settings: Settings, openai_peer: OpenAIPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with peer_client(settings, openai_peer) as client:
        assert (await client.complete(ask("hi"))).text == "hi"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
async def test_passing_failures_are_retried(settings: Settings, openai_peer: OpenAIPeer, status: int) -> None:
    openai_peer.script(Reply(status=status), Reply(disconnect=True))
    async with peer_client(settings, openai_peer) as client:
        assert (await client.complete(ask("hi"))).text == "hi"
    assert len(openai_peer.calls) == 3
    assert client.usage.calls == 1
    assert client.usage.errors == 0


async def test_retries_end_with_the_reason(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(*[Reply(status=503)] * 4)
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMUnavailableError, match=r"503: scripted failure 503 \(tried 4 times\)"):
            await client.complete(ask("hi"))
        assert client.usage.errors == 1
        assert (await client.complete(ask("hi"))).text == "hi"  # a failure is not cached
    assert len(openai_peer.calls) == 5


async def test_slow_answers_time_out_and_are_retried(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(latency=30))
    async with peer_client(settings, openai_peer, lm_timeout_seconds=0.2) as client:
        assert (await client.complete(ask("hi"))).text == "hi"
    assert len(openai_peer.calls) == 2


async def test_an_endpoint_that_is_not_there(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.stop()
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMUnavailableError, match=r"connection .* failed"):
            await client.complete(ask("hi"))


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_refusals_are_final_and_say_why(
    settings: Settings, openai_peer: OpenAIPeer, status: int
) -> None:
    openai_peer.script(Reply(status=status))
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMRequestError, match=f"answered {status}: scripted failure {status}") as caught:
            await client.complete(ask("hi"))
    assert caught.value.http_status == status
    assert len(openai_peer.calls) == 1


async def test_classification_is_by_status_never_by_text(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=400, body=b'{"error":{"message":"429 rate limit, retry later"}}'))
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMRequestError):
            await client.complete(ask("hi"))
    assert len(openai_peer.calls) == 1


async def test_the_key_never_shows_in_an_error(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=401, body=b'{"error":"bad key key-of-the-peer"}'))
    async with peer_client(settings, openai_peer, lm_api_key=SecretStr("key-of-the-peer")) as client:
        with pytest.raises(LMRequestError) as caught:
            await client.complete(ask("hi"))
    assert "key-of-the-peer" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"", b'{"choices": []}', b'{"choices": [{"mess'])
async def test_malformed_answers_are_errors(settings: Settings, openai_peer: OpenAIPeer, body: bytes) -> None:
    openai_peer.script(Reply(body=body))
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMResponseError):
            await client.complete(ask("hi"))
        assert client.usage.errors == 1
        assert (await client.complete(ask("hi"))).text == "hi"


async def test_redirects_are_not_followed(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=307, headers={"Location": "http://127.0.0.1:9/"}, body=b""))
    async with peer_client(settings, openai_peer) as client:
        with pytest.raises(LMRequestError, match="307"):
            await client.complete(ask("hi"))


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_holds_every_caller_back(
    settings: Settings, openai_peer: OpenAIPeer, form: str
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    header = "0.4" if form == "seconds" else moment
    least = 0.4 if form == "seconds" else 0.7  # a date has whole seconds
    openai_peer.script(Reply(status=429, headers={"Retry-After": header}))
    async with peer_client(settings, openai_peer) as client:
        first = asyncio.create_task(client.complete(ask("one")))
        await wait_until(lambda: openai_peer.calls)
        await asyncio.sleep(0.05)
        await asyncio.gather(first, client.complete(ask("two")))
    refused, *later = openai_peer.calls
    assert len(later) == 2
    assert all(call.at - refused.at >= least for call in later)


async def test_an_absurd_retry_after_is_capped(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=429, headers={"Retry-After": "86400"}))
    policy = RetryPolicy(base=0.01, max_retry_after=0.1)
    client = LMClient.from_settings(peer_settings(settings, openai_peer), retry=policy)
    async with client:
        started = time.monotonic()
        await client.complete(ask("hi"))
        assert 0.1 <= time.monotonic() - started < 5


async def test_calls_in_flight_are_bounded(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.02
    async with peer_client(settings, openai_peer, lm_concurrency=3) as client:
        answers = await asyncio.gather(*(client.complete(ask(f"{number}")) for number in range(30)))
    assert [answer.text for answer in answers] == [f"{number}" for number in range(30)]
    assert openai_peer.max_in_flight == 3


async def test_a_budget_with_bounds_is_used_up_and_never_overshot(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.002
    openai_peer.script(Reply(status=500), Reply(status=429), Reply(disconnect=True))
    budget = Budget(max_calls=30, max_tokens=6_000)

    async def paid(client: LMClient, number: int) -> None:
        request = ask(f"{number}", max_tokens=100)
        async with await budget.reserve(tokens=max_prompt_tokens(request) + 100) as reservation:
            reservation.settle((await client.complete(request)).usage.total_tokens)

    async with peer_client(settings, openai_peer, lm_concurrency=32) as client:
        results = await asyncio.gather(*(paid(client, n) for n in range(60)), return_exceptions=True)
    limits = [result.limit for result in results if isinstance(result, BudgetExhausted)]
    assert limits == ["calls"] * 30
    assert results.count(None) == client.usage.calls == budget.spent()["calls"] == 30
    assert budget.spent()["tokens"] == client.usage.prompt_tokens + client.usage.completion_tokens


async def test_cancelling_closes_the_connection(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 30
    async with peer_client(settings, openai_peer) as client:
        task = asyncio.create_task(client.complete(ask("hi")))
        await wait_until(lambda: openai_peer.in_flight)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wait_until(lambda: not openai_peer.in_flight)
        assert time.monotonic() - started < 1
        assert openai_peer.aborted == 1
        openai_peer.latency = 0
        assert (await client.complete(ask("hi"))).text == "hi"


async def test_closing_the_client_ends_what_is_in_flight(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 30
    async with peer_client(settings, openai_peer) as client:
        task = asyncio.create_task(client.complete(ask("hi")))
        await wait_until(lambda: openai_peer.in_flight)
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_provider_without_a_model_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="WHETSTONE_LM_MODEL"):
        LMClient.from_settings(settings.model_copy(update={"lm_provider": "openai", "lm_model": None}))


@pytest.mark.parametrize("url", ["", "ftp://host/v1", "localhost:11434/v1", "http://", "http://[::1"])
def test_unusable_base_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="base URL"):
        RemoteEndpoint(url, "model")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://localhost:11434/v1/", True),
        ("https://api.openai.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
async def test_what_counts_as_loopback(url: str, loopback: bool) -> None:
    endpoint = RemoteEndpoint(url, "model")
    assert endpoint.is_loopback is loopback
    async with endpoint.session() as base_url:
        assert base_url == url.rstrip("/")
