"""How many calls an endpoint gets at once, and when it gets none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Limiter:
    """At most `width` calls in flight, served in order of arrival; `pause` holds all of them back."""

    def __init__(self, width: int) -> None:
        self._semaphore = asyncio.Semaphore(width)
        self._resume_at = 0.0  # time.monotonic()

    def pause(self, seconds: float) -> None:
        """Start no call for `seconds`: an endpoint that is overloaded for one caller is so for all."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the `width` places."""
        async with self._semaphore:
            while (wait := self._resume_at - time.monotonic()) > 0:  # noqa: ASYNC110 - a time, not an event
                await asyncio.sleep(wait)
            yield
