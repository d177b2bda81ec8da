"""Single-flight: identical requests at the same time are answered by one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from whetstone.lm.types import ChatResponse


class _Flight:
    def __init__(self, task: asyncio.Task[ChatResponse]) -> None:
        self.task = task
        self.waiting = 0


class Flights:
    """Calls under way, by key. The call is cancelled when the last of its waiters is."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    async def join(
        self, key: str, start: Callable[[], Coroutine[None, None, ChatResponse]]
    ) -> tuple[ChatResponse, bool]:
        """The answer of the call under `key`, and whether another waiter had started it."""
        flight = self._flights.get(key)
        shared = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(start()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), shared
        finally:
            flight.waiting -= 1
            if flight.waiting == 0:
                # Out of the table first: whoever asks from now on starts a call of their own.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                if not flight.task.done():
                    flight.task.cancel()
                    await asyncio.gather(flight.task, return_exceptions=True)

    async def close(self) -> None:
        """Cancel all calls under way."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
