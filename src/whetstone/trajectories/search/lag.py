"""How far the search index is behind."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.trajectories.search.index_state import IndexState, index_state
from whetstone.trajectories.tables import search_queue


@dataclass(frozen=True, slots=True)
class Lag:
    """Changes that are not indexed yet, and the age of the oldest in milliseconds (0 where there is none)."""

    pending: int
    oldest_ms: int


NO_LAG = Lag(0, 0)


async def lag(connection: AsyncConnection, database: Database) -> Lag:
    """How far the index is behind."""
    return await lag_of(connection, await index_state(connection, database))


async def lag_of(connection: AsyncConnection, state: IndexState | None) -> Lag:
    """How far an index in this state is behind."""
    waiting = true() if state is None else state.waiting()
    query = select(func.count(), func.min(search_queue.c.created_at)).where(waiting)
    pending, oldest = (await connection.execute(query)).one()
    return Lag(pending, 0 if oldest is None else max(0, now_ms() - oldest))


async def is_waiting(database: Database) -> bool:
    """Whether anything waits to be indexed; cheap."""
    async with database.read() as connection:
        state = await index_state(connection, database)
        waiting = true() if state is None else state.waiting()
        found = await connection.execute(select(search_queue.c.key).where(waiting).limit(1))
        return found.first() is not None
