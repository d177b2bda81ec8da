"""Where requests go: an OpenAI-compatible server somewhere, or the embedded model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import httpx

from whetstone.addresses import is_loopback
from whetstone.errors import InvalidInputError

# OpenAI's newer models refuse `max_tokens`; most other servers know no other name.
_COMPLETION_TOKENS_HOST = "api.openai.com"


class Endpoint(Protocol):
    """What the client needs to know of a provider."""

    @property
    def model(self) -> str:
        """Name of the model, as it is sent."""

    @property
    def api_key(self) -> str | None:
        """Bearer key, if the endpoint wants one."""

    @property
    def max_tokens_field(self) -> str:
        """Name of the body's field for the longest answer."""

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, so that no proxy may come between."""

    @property
    def advice(self) -> str:
        """What a person should look at when it does not answer."""

    @property
    def settings_prefix(self) -> str:
        """How the names of its settings begin, `WHETSTONE_LM` or that of a role."""

    @property
    def context_advice(self) -> str:
        """How to get a longer context."""

    async def identity(self) -> str:
        """What makes answers of this endpoint different from those of another; the same in every process."""

    def session(self) -> AbstractAsyncContextManager[str]:
        """Keep the endpoint up while a request is in flight; gives its present base URL."""


class RemoteEndpoint:
    """An OpenAI-compatible API under `base_url` (including its version part, usually /v1)."""

    context_advice = "choose a model with a longer context"

    def __init__(
        self, base_url: str, model: str, api_key: str | None = None, *, settings_prefix: str = "WHETSTONE_LM"
    ) -> None:
        try:
            url = httpx.URL(base_url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise InvalidInputError(f"The language model's base URL is not a URL: {error}.") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise InvalidInputError(
                "The language model's base URL must start with http:// or https:// and name a host."
            )
        self.model = model
        self.api_key = api_key
        self.max_tokens_field = (
            "max_completion_tokens" if url.host == _COMPLETION_TOKENS_HOST else "max_tokens"
        )
        self.is_loopback = is_loopback(url.host)
        self.settings_prefix = settings_prefix
        self.advice = f"Check that it runs there, and {settings_prefix}_BASE_URL"
        self._base_url = str(url)

    async def identity(self) -> str:
        """The base URL."""
        return self._base_url

    @asynccontextmanager
    async def session(self) -> AsyncIterator[str]:
        """Nothing to keep up: the base URL."""
        yield self._base_url
