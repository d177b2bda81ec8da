"""Not going on with work for a client that has hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from whetstone.errors import UnavailableError

T = TypeVar("T")

_LOOK_SECONDS = 0.5


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client of `request` goes away. The body must have been read."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            if not task.done() and await request.is_disconnected():
                raise UnavailableError("The client has gone away")  # nobody reads it
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
