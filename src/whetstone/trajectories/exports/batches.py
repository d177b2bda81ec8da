"""Work on the documents of a stream, in groups and off the event loop: a switch of threads a document costs too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, ParamSpec, TypeVar

import anyio

T = TypeVar("T")
P = ParamSpec("P")

_CALLS = 200  # LLM calls a group, unless one trajectory alone has more


async def batches(
    documents: AsyncIterator[dict[str, Any]], calls: int = _CALLS
) -> AsyncIterator[list[dict[str, Any]]]:
    """Groups of about `calls` LLM calls."""
    group: list[dict[str, Any]] = []
    weight = 0
    async for document in documents:
        group.append(document)
        weight += 1 + document["llmCallCount"]
        if weight >= calls:
            yield group
            group, weight = [], 0
    if group:
        yield group


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, run in a thread that is waited for even when the client leaves meanwhile.

    So what the thread works on can be closed as soon as this returns or raises.
    """
    with anyio.CancelScope(shield=True):
        result = await asyncio.to_thread(function, *args, **kwargs)
    return result  # noqa: RET504 - a scope may swallow its cancellation, mypy thinks
