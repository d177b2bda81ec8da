"""One exchange with an endpoint over HTTP, and what its failures mean."""

from __future__ import annotations

import asyncio

import httpx

from whetstone.lm.endpoint import Endpoint
from whetstone.lm.errors import (
    LMContextOverflowError,
    LMQuotaError,
    LMRequestError,
    OverloadError,
    TransientError,
    TransientTimeoutError,
)
from whetstone.lm.refusals import context_overflow, quota_is_used_up
from whetstone.lm.retry import is_retryable, retry_after_seconds
from whetstone.lm.wire import error_message

_CONNECT_SECONDS = 10.0
_OVERLOADED = frozenset({429, 503})


class Transport:
    """Posts bodies to one endpoint. `timeout` (seconds) bounds a whole exchange, to the last byte of the answer."""

    def __init__(self, endpoint: Endpoint, *, timeout: float, connections: int) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        key = endpoint.api_key
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else None,
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout)),
            limits=httpx.Limits(
                max_keepalive_connections=connections
            ),  # those in flight are bounded elsewhere
            trust_env=not endpoint.is_loopback,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def post(self, url: str, body: bytes) -> bytes:
        """The body of a 200 answer.

        Raises:
            TransientError: this attempt failed in a way that may pass.
            LMRequestError: the endpoint refuses the request for good.
        """
        host = httpx.URL(url).netloc.decode()
        reply: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._timeout):
                request = self._http.build_request(
                    "POST", url, content=body, headers={"Content-Type": "application/json"}
                )
                reply = await self._http.send(request, stream=True)
                try:
                    content = await reply.aread()
                finally:
                    await reply.aclose()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._too_slow(host, begun=reply is not None) from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise LMRequestError(f"The request to {host} cannot be sent: {error}.") from error
        except (httpx.RequestError, httpx.StreamError) as error:
            raise self._broken(host, error, begun=reply is not None) from error
        if reply.status_code != 200:
            raise self._refusal(reply, content)
        return content

    def refusal_in_answer(self, content: bytes) -> LMRequestError | None:
        """The refusal that a 200 answer holds in place of a completion, as some gateways send it."""
        return self._overflow(200, content, self._words(content))

    def _too_slow(self, host: str, *, begun: bool) -> TransientError:
        what = "began its answer but did not end it" if begun else "gave no answer"
        return TransientTimeoutError(f"The language model at {host} {what} within {self._timeout:g} seconds")

    def _broken(self, host: str, error: Exception, *, begun: bool) -> TransientError:
        reason = f"{type(error).__name__} {error}".strip()
        what = "broke off in the middle of its answer" if begun else "failed"
        return TransientError(f"The connection to the language model at {host} {what} ({reason})")

    def _refusal(self, reply: httpx.Response, content: bytes) -> Exception:
        status = reply.status_code
        words = self._words(content)
        overflow = self._overflow(status, content, words)
        if overflow is not None:
            return overflow
        said = f"The language model at {reply.url.netloc.decode()} answered {status}" + (
            f": {words}" if words else ""
        )
        if status == 429 and quota_is_used_up(content):
            return LMQuotaError(f"{said.rstrip('.')}. Add credit to the account.", http_status=status)
        if is_retryable(status):
            kind = OverloadError if status in _OVERLOADED else TransientError
            return kind(said, retry_after_seconds(reply.headers.get("Retry-After")))
        return LMRequestError(f"{said.rstrip('.')}.{self._hint(status)}", http_status=status)

    def _words(self, content: bytes) -> str:
        words, key = error_message(content), self._endpoint.api_key
        return words.replace(key, "…") if key else words

    def _overflow(self, status: int, content: bytes, words: str) -> LMContextOverflowError | None:
        found = context_overflow(status, content, words)
        if found is None:
            return None
        much = "" if found.excess is None else f" by {found.excess} tokens"
        return LMContextOverflowError(
            f"The request is longer than the context of the model {self._endpoint.model}{much}: shorten the "
            f"prompt, show fewer or shorter demonstrations, ask for fewer answer tokens, or "
            f"{self._endpoint.context_advice}. The endpoint said: {words or status}",
            http_status=status,
            excess=found.excess,
        )

    def _hint(self, status: int) -> str:
        prefix = self._endpoint.settings_prefix
        return {
            401: f" Check the API key ({prefix}_API_KEY).",
            402: " Add credit to the account.",
            403: f" Check the API key's permissions ({prefix}_API_KEY).",
            404: f" Check the base URL ({prefix}_BASE_URL) and the model name ({prefix}_MODEL).",
        }.get(status, "")
