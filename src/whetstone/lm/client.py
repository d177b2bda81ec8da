"""The language-model client: one call, with cache, shared width and retries around it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from whetstone.errors import InvalidInputError
from whetstone.lm.cache import AnswerCache, cache_key
from whetstone.lm.endpoint import Endpoint, RemoteEndpoint
from whetstone.lm.errors import (
    LMError,
    LMResponseError,
    LMUnavailableError,
    OverloadError,
    TransientError,
)
from whetstone.lm.flights import Flights
from whetstone.lm.local import LocalModel
from whetstone.lm.retry import RetryPolicy
from whetstone.lm.transport import Transport
from whetstone.lm.types import ChatRequest, ChatResponse, UsageTotals
from whetstone.lm.width import EndpointWidth, Slot, join, part
from whetstone.lm.wire import decode_response, encode_request, estimate_prompt_tokens
from whetstone.lm_settings import Role
from whetstone.settings import Settings

_log = structlog.get_logger(__name__)
_CACHE_FILE = "lm-cache.db"
_WIDTH_FOLDER = "lm-endpoints"
_OVERLOAD_ADVICE = (
    "It is overloaded or limits the rate of requests: try later, or lower WHETSTONE_LM_CONCURRENCY"
)


class LMClient:
    """Answers chat requests from one endpoint. An async context manager, for use in one event loop.

    `concurrency` bounds the calls in flight, together with all other clients, of this process or another, that have
    the same `width_folder`; `timeout` (seconds) bounds the wait for one answer. Without `cache` every request is
    sent. `usage` holds the totals so far.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        concurrency: int = 4,
        timeout: float = 120.0,
        retry: RetryPolicy | None = None,
        cache: AnswerCache | None = None,
        width_folder: Path | None = None,
    ) -> None:
        self.usage = UsageTotals()
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._width_folder = width_folder
        self._width: EndpointWidth | None = None
        self._retry = retry or RetryPolicy()
        self._cache = cache
        self._flights = Flights()
        self._transport = Transport(endpoint, timeout=timeout, connections=concurrency)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        role: Role = "task",
        *,
        retry: RetryPolicy | None = None,
    ) -> Self:
        """The client of a role that the settings describe; does no I/O.

        Raises:
            InvalidInputError: provider `openai` without a model name or with an unusable base URL.
        """
        wanted = settings.lm_role(role)
        cache_path = settings.lm_cache_path or settings.state_dir / _CACHE_FILE
        address = hashlib.sha256((wanted.base_url or wanted.provider).encode()).hexdigest()[:16]
        return cls(
            endpoint_of(settings, role),
            concurrency=wanted.width,
            timeout=settings.lm_timeout_seconds,
            retry=retry or RetryPolicy(max_retries=settings.lm_max_retries),
            cache=AnswerCache(cache_path) if settings.lm_cache else None,
            width_folder=settings.state_dir / _WIDTH_FOLDER / address,
        )

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
        width, self._width = self._width, None
        if width is not None:
            await part(width)
        await self._transport.close()
        if self._cache is not None:
            await self._cache.close()

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer to `request`: from the cache, from an identical request in flight, or from the endpoint.

        An answer from the endpoint is in the cache before this returns. Cancelling closes the connection.

        Raises:
            LMRequestError: the endpoint refuses the request for good; LMContextOverflowError: it is too long,
                LMQuotaError: the account is empty.
            LMResponseError: the endpoint's answer is not a chat completion.
            LMUnavailableError: no answer after all retries; LMOverloadedError: too many requests, LMTimeoutError.
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
        if self._width is None:
            self._width = join(self._concurrency, self._width_folder)
        for attempt in count():
            try:
                async with self._width.slot() as slot:
                    return await self._attempt(request, body, slot)
            except TransientError as error:
                if attempt >= self._retry.max_retries:
                    raise self._final(error, attempt + 1) from error
                delay = self._retry.delay(attempt, error.retry_after)
                _log.info("lm_retry", attempt=attempt + 1, delay=round(delay, 2), reason=error.message)
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")

    def _final(self, error: TransientError, tries: int) -> LMUnavailableError:
        advice = _OVERLOAD_ADVICE if isinstance(error, OverloadError) else self._endpoint.advice
        return error.error(f"{error.message.rstrip('.')} (tried {tries} times). {advice}")

    async def _attempt(self, request: ChatRequest, body: bytes, slot: Slot) -> ChatResponse:
        async with self._endpoint.session() as base_url:
            started = time.monotonic()
            content = await self._post(f"{base_url}/chat/completions", body, slot)
            seconds = time.monotonic() - started
        self.usage.calls += 1
        self.usage.seconds += seconds
        try:
            response = decode_response(
                content,
                model=self._endpoint.model,
                prompt_estimate=estimate_prompt_tokens(request, body),
                latency_ms=round(seconds * 1000),
                max_completion=request.max_tokens,
            )
        except LMResponseError as error:
            raise self._transport.refusal_in_answer(content) or error from None
        self.usage.prompt_tokens += response.usage.prompt_tokens
        self.usage.completion_tokens += response.usage.completion_tokens
        return response

    async def _post(self, url: str, body: bytes, slot: Slot) -> bytes:
        try:
            content = await self._transport.post(url, body)
        except TransientError as error:
            if isinstance(error, OverloadError) or error.retry_after is not None:
                slot.refused(min(error.retry_after or 0.0, self._retry.max_retry_after))
            raise
        slot.answered()
        return content


def endpoint_of(settings: Settings, role: Role) -> Endpoint:
    """Where the model of `role` answers.

    Raises:
        InvalidInputError: no model name, or an unusable base URL.
    """
    wanted = settings.lm_role(role)
    if wanted.provider == "local":
        return LocalModel(settings)
    prefix = "WHETSTONE_LM" if role == "task" else f"WHETSTONE_{role.upper()}_LM"
    if not wanted.model or wanted.base_url is None:
        raise InvalidInputError(
            f"An OpenAI-compatible language-model endpoint needs a model name: set {prefix}_MODEL."
        )
    key = wanted.api_key.get_secret_value() if wanted.api_key else None
    return RemoteEndpoint(wanted.base_url, wanted.model, key or None, settings_prefix=prefix)
