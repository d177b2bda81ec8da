"""What the store takes on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.trajectories.search.lag import lag
from whetstone.trajectories.tables import trajectories, trajectory_counters

_SEARCH_SCHEMA = "search"


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the database: all of it, what it could use again, the log of recent writes, the search index."""

    database: int
    free: int
    wal: int
    search_index: int


async def storage(database: Database) -> dict[str, Any]:
    """Bytes, row counts, and how far the search index is behind."""
    async with database.read() as connection:
        space = await measure(connection, database)
        behind = await lag(connection, database)
        calls = select(trajectory_counters.c.llm_calls).where(trajectory_counters.c.dimension == "all")
        return {
            "databaseBytes": space.database,
            "freeBytes": space.free,
            "walBytes": space.wal,
            "searchIndexBytes": space.search_index,
            "trajectories": await connection.scalar(select(func.count()).select_from(trajectories)),
            "llmCalls": await connection.scalar(calls) or 0,
            "search": {"pending": behind.pending, "oldestPendingMs": behind.oldest_ms},
        }


async def measure(connection: AsyncConnection, database: Database) -> Space:
    """The space that the database takes. PostgreSQL's log belongs to the server as a whole and counts as 0."""
    if database.dialect == "sqlite":
        return await _measure_sqlite(connection)
    return await _measure_postgresql(connection)


async def _measure_sqlite(connection: AsyncConnection) -> Space:
    files = {row.name: row.file for row in await connection.execute(text("PRAGMA database_list"))}
    pragmas = {}
    for name in ("page_size", "page_count", "freelist_count"):
        pragmas[name] = int(await connection.scalar(text(f"PRAGMA main.{name}")) or 0)
    main, search = files.get("main", ""), files.get(_SEARCH_SCHEMA, "")
    return Space(
        database=pragmas["page_size"] * pragmas["page_count"],
        free=pragmas["page_size"] * pragmas["freelist_count"],
        wal=_size(f"{main}-wal") if main else 0,
        search_index=_size(search) + _size(f"{search}-wal") if search else 0,
    )


async def _measure_postgresql(connection: AsyncConnection) -> Space:
    # Dead rows are estimated from the share that the statistics collector saw.
    query = text(
        "SELECT n.nspname = :search AS search, sum(pg_total_relation_size(c.oid))::bigint AS bytes,"
        " coalesce(sum(pg_total_relation_size(c.oid) * s.n_dead_tup"
        " / greatest(s.n_live_tup + s.n_dead_tup, 1)), 0)::bigint AS free"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname IN (current_schema(), :search) GROUP BY 1"
    )
    sizes = {row.search: row for row in await connection.execute(query, {"search": _SEARCH_SCHEMA})}
    own, index = sizes.get(False), sizes.get(True)
    return Space(
        database=own.bytes if own else 0,
        free=own.free if own else 0,
        wal=0,
        search_index=index.bytes if index else 0,
    )


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:
        return 0
