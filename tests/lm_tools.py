"""What the tests of the `lm` room share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from openai_peer import OpenAIPeer
from whetstone.lm.client import LMClient
from whetstone.lm.retry import RetryPolicy
from whetstone.lm.types import ChatRequest
from whetstone.lm_settings import Role
from whetstone.settings import Settings

FAST_RETRIES = RetryPolicy(max_retries=3, base=0.01)


def ask(text: str, **options: Any) -> ChatRequest:
    """A request with one user message."""
    return ChatRequest(messages=({"role": "user", "content": text},), **options)


def peer_settings(settings: Settings, peer: OpenAIPeer, **changes: Any) -> Settings:
    """The settings of a service whose language model is `peer`."""
    values = {
        "lm_provider": "openai",
        "lm_base_url": peer.base_url,
        "lm_model": "peer-model",
        "lm_api_key": None,
        **changes,
    }
    return settings.model_copy(update=values)


def peer_client(settings: Settings, peer: OpenAIPeer, *, role: Role = "task", **changes: Any) -> LMClient:
    """A client of `peer` that retries quickly."""
    settings = peer_settings(settings, peer, **changes)
    return LMClient.from_settings(settings, role, retry=FAST_RETRIES)


async def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
