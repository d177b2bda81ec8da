"""The language-model client: one call, with cache, budget, limits and retries around it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Self

import httpx
import structlog

from whetstone.errors import InvalidInputError
from whetstone.lm.budget import Budget
from whetstone.lm.cache import AnswerCache, cache_key
from whetstone.lm.endpoint import Endpoint, RemoteEndpoint
from whetstone.lm.errors import LMError, LMRequestError, LMUnavailableError, TransientError
from whetstone.lm.flights import Flights
from whetstone.lm.limiter import Limiter
from whetstone.lm.local import LocalModel
from whetstone.lm.retry import RetryPolicy, is_retryable, retry_after_seconds
from whetstone.lm.types import ChatRequest, ChatResponse, UsageTotals
from whetstone.lm.wire import decode_response, encode_request, error_message, estimate_prompt_tokens
from whetstone.settings import Settings

_log = structlog.get_logger(__name__)
_CONNECT_SECONDS = 10.0
_CACHE_FILE = "lm-cache.db"


class LMClient:
    """Answers chat requests from one endpoint. An async context manager, for use in one event loop.

    `concurrency` bounds the calls in flight, `timeout` (seconds) the wait for one answer. Without `cache`
    every request is sent. `usage` holds the totals so far.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        concurrency: int = 4,
        timeout: float = 120.0,
        retry: RetryPolicy | None = None,
        cache: AnswerCache | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.usage = UsageTotals()
        self._endpoint = endpoint
        self._limiter = Limiter(concurrency)
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._cache = cache
        self._budget = budget or Budget()
        self._flights = Flights()
        key = endpoint.api_key
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else None,
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout)),
            limits=httpx.Limits(max_keepalive_connections=concurrency),  # the limiter bounds the rest
            trust_env=not endpoint.is_loopback,
        )

    @classmethod
    def from_settings(
        cls, settings: Settings, *, budget: Budget | None = None, retry: RetryPolicy | None = None
    ) -> Self:
        """The client that the settings describe; does no I/O.

        Raises:
            InvalidInputError: provider `openai` without a model name or with an unusable base URL.
        """
        return cls(
            LocalModel(settings) if settings.lm_provider == "local" else _remote(settings),
            concurrency=settings.lm_width,
            timeout=settings.lm_timeout_seconds,
            retry=retry or RetryPolicy(max_retries=settings.lm_max_retries),
            cache=AnswerCache(settings.lm_cache_path or settings.state_dir / _CACHE_FILE)
            if settings.lm_cache
            else None,
            budget=budget,
        )

    @property
    def budget(self) -> Budget:
        """The budget that calls are booked on."""
        return self._budget

    @property
    def model(self) -> str:
        """Name of the model that answers."""
        return self._endpoint.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is in flight, finish cache writes, close connections."""
        await self._flights.close()
        await self._http.aclose()
        if self._cache is not None:
            await self._cache.close()

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer to `request`: from the cache, from an identical request in flight, or from the endpoint.

        An answer from the endpoint is in the cache before this returns. Cancelling closes the connection and
        gives the reserved budget back.

        Raises:
            BudgetExhausted: the call does not fit in the budget; nothing was sent.
            LMRequestError: the endpoint refuses the request for good.
            LMResponseError: the endpoint's answer is not a chat completion.
            LMUnavailableError: no answer after all retries.
            LocalModelMissingError, LocalModelFailedError: the embedded model cannot run.
        """
        body = encode_request(request, self._endpoint.model, max_tokens_field=self._endpoint.max_tokens_field)
        if self._cache is None:
            return await self._answer(request, body, None)
        key = cache_key(await self._endpoint.identity(), body, request.repeat)
        response, shared = await self._flights.join(key, lambda: self._answer(request, body, key))
        if not shared:
            return response
        self.usage.cache_hits += 1
        return replace(response, cached=True)

    async def _answer(self, request: ChatRequest, body: bytes, key: str | None) -> ChatResponse:
        try:
            if self._cache is None or key is None:
                return await self._send(request, body)
            known = await self._cache.get(key)
            if known is not None:
                self.usage.cache_hits += 1
                return known
            response = await self._send(request, body)
            await asyncio.shield(self._cache.put(key, response))  # paid for: a cancel must not lose it
        except LMError:
            self.usage.errors += 1
            raise
        return response

    async def _send(self, request: ChatRequest, body: bytes) -> ChatResponse:
        for attempt in count():
            try:
                async with self._limiter.slot():
                    return await self._attempt(request, body)
            except TransientError as error:
                if attempt >= self._retry.max_retries:
                    raise LMUnavailableError(
                        f"{error.message} (tried {attempt + 1} times). {self._endpoint.advice}"
                    ) from error
                delay = self._retry.delay(attempt, error.retry_after)
                if error.retry_after is not None:
                    self._limiter.pause(min(error.retry_after, self._retry.max_retry_after))
                _log.info("lm_retry", attempt=attempt + 1, delay=round(delay, 2), reason=error.message)
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")

    async def _attempt(self, request: ChatRequest, body: bytes) -> ChatResponse:
        prompt_estimate = estimate_prompt_tokens(request, body)
        with self._budget.reserve(prompt_estimate + request.max_tokens) as reservation:
            async with self._endpoint.session() as base_url:
                started = time.monotonic()
                reply = await self._post(f"{base_url}/chat/completions", body)
                seconds = time.monotonic() - started
            if reply.status_code != 200:
                raise self._failure(reply)
            self.usage.calls += 1
            self.usage.seconds += seconds
            try:
                response = decode_response(
                    reply.content,
                    model=self._endpoint.model,
                    prompt_estimate=prompt_estimate,
                    latency_ms=round(seconds * 1000),
                )
            except LMError:
                reservation.settle(prompt_estimate)  # answered, so probably billed
                raise
            reservation.settle(response.usage.total_tokens)
        self.usage.prompt_tokens += response.usage.prompt_tokens
        self.usage.completion_tokens += response.usage.completion_tokens
        return response

    async def _post(self, url: str, body: bytes) -> httpx.Response:
        host = httpx.URL(url).netloc.decode()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._http.post(url, content=body, headers={"Content-Type": "application/json"})
        except (TimeoutError, httpx.TimeoutException) as error:
            message = f"The language model at {host} gave no answer within {self._timeout:g} seconds"
            raise TransientError(message) from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise LMRequestError(f"The request to {host} cannot be sent: {error}.") from error
        except httpx.RequestError as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise TransientError(
                f"The connection to the language model at {host} failed ({reason})"
            ) from error

    def _failure(self, reply: httpx.Response) -> Exception:
        words = error_message(reply.content)
        if self._endpoint.api_key:
            words = words.replace(self._endpoint.api_key, "…")
        status = reply.status_code
        said = f"The language model at {reply.url.netloc.decode()} answered {status}" + (
            f": {words}" if words else ""
        )
        if is_retryable(status):
            return TransientError(said, retry_after_seconds(reply.headers.get("Retry-After")))
        hint = _HINTS.get(status, "")
        return LMRequestError(said.rstrip(".") + "." + hint, http_status=status)


_HINTS = {
    401: " Check the API key (WHETSTONE_LM_API_KEY).",
    403: " Check the API key's permissions (WHETSTONE_LM_API_KEY).",
    404: " Check the base URL (WHETSTONE_LM_BASE_URL) and the model name (WHETSTONE_LM_MODEL).",
}


def _remote(settings: Settings) -> RemoteEndpoint:
    if not settings.lm_model:
        raise InvalidInputError(
            "The language-model provider `openai` needs a model name: set WHETSTONE_LM_MODEL."
        )
    key = settings.lm_api_key.get_secret_value() if settings.lm_api_key else ""
    return RemoteEndpoint(settings.lm_base_url, settings.lm_model, key or None)
