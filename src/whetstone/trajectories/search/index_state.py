"""Whether there is an index, and what it has not caught up with yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, column, func, select, table, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.trajectories.search.version import VERSION
from whetstone.trajectories.tables import search_queue

_state = table("state", column("name"), column("value"), schema="search")


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index that can be used. On PostgreSQL entries of the queue go as they are indexed: `watermark` is 0."""

    watermark: int

    def waiting(self) -> ColumnElement[bool]:
        """The condition that an entry of the queue is not indexed yet."""
        return search_queue.c.key > self.watermark if self.watermark else true()

    def tail(self) -> Select[tuple[int]]:
        """The keys of the trajectories that the index does not know as they are."""
        return select(search_queue.c.trajectory_key).where(self.waiting())


async def index_state(connection: AsyncConnection, database: Database) -> IndexState | None:
    """The state of the index; None where there is no usable one."""
    if database.dialect == "postgresql":
        known = await connection.execute(select(func.to_regclass("search.state").is_not(None)))
        if not known.scalar_one():
            return None
    try:
        rows = await connection.execute(select(_state.c.name, _state.c.value))
        state = {row.name: row.value for row in rows}
    except DBAPIError:  # SQLite: no table, or no database at all
        return None
    if state.get("version") != VERSION:
        return None
    return IndexState(int(state.get("watermark", 0)) if database.dialect == "sqlite" else 0)
