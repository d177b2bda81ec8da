"""Following the event log until the server stops, for event streams and WebSockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio

from whetstone.jobs.event import Event
from whetstone.jobs.events import Subscription

_LET_GO_SECONDS = 5


async def until_closing(subscription: Subscription, closing: anyio.Event) -> AsyncIterator[Event]:
    """The events of `subscription` until `closing` is set."""
    stop = asyncio.create_task(closing.wait())
    following: asyncio.Task[Event] | None = None
    try:
        while not stop.done():
            following = asyncio.ensure_future(anext(subscription))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                yield following.result()
    finally:
        tasks = [task for task in (following, stop) if task is not None]
        for task in tasks:
            task.cancel()
        # Shielded: the stream itself may be cancelled already, and a database query must be let go in order.
        with anyio.move_on_after(_LET_GO_SECONDS, shield=True):
            await asyncio.wait(tasks)
