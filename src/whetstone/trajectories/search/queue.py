"""The outbox of the search index: which trajectories changed since it last looked."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.tables import search_queue


async def queue_for_search(connection: AsyncConnection, keys: Iterable[int], now: int) -> None:
    """Note that these trajectories changed or went, in the transaction in which they did."""
    rows = [{"trajectory_key": key, "created_at": now} for key in keys]
    if rows:
        await connection.execute(insert(search_queue), rows)
