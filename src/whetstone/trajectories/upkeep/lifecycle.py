"""Trajectories that end without their agent: deleted on request or by age, or timed out.

All of it happens in small transactions, so that writers between them never wait long; a trajectory that changes
meanwhile so that it is no longer meant is left alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.db.lists import among, text_set
from whetstone.trajectories.ingest.counters import COLUMNS, Deltas
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.selection import selected
from whetstone.trajectories.search.queue import queue_for_search
from whetstone.trajectories.tables import trajectories
from whetstone.trajectories.upkeep.removal import remove

Conditions = Sequence[ColumnElement[bool]]

_CHUNK = 200  # trajectories a transaction …
_CHUNK_CALLS = 2_000  # … or fewer, where they have many calls
_PAGE = 5_000  # rows that are fetched at once
_OLD = 5_000
_SMALL = 1_000  # trajectories for which any plan is fast
_DAY_MS = 86_400_000


async def delete_some(database: Database, ids: Collection[str]) -> int:
    """Delete the trajectories with these ids and everything below them; the number that existed."""
    async with database.read() as connection:
        found = await _find(connection, [trajectories.c.id.in_(text_set(database.dialect, ids))])
    return await _delete(database, found, [])


async def delete_all(database: Database) -> int:
    """Delete every trajectory that is stored now; the number that existed."""
    async with database.read() as connection:
        found = await _find(connection, [])
    return await _delete(database, found, [])


async def delete_matching(database: Database, wanted: TrajectoryFilter) -> int:
    """Delete the trajectories that `wanted` means; how many there were. Raises InvalidInputError on its search."""
    async with database.read() as connection:
        found = await _find(connection, await selected(connection, database, wanted))
    # A search is not repeated for each chunk: that could read all texts again.
    return await _delete(database, found, wanted.without_search(database.dialect))


async def delete_old(database: Database, days: float) -> int:
    """Delete trajectories without news for `days`, but none that is marked as training data; how many.

    At most `_OLD` at a time, oldest rows first, so that the caller can stop between.
    """
    table = trajectories.c
    conditions = [table.updated_at < now_ms() - int(days * _DAY_MS), table.is_training_data.is_(False)]
    async with database.read() as connection:
        found = await _find(connection, conditions, most=_OLD)
    return await _delete(database, found, conditions)


async def expire(database: Database, minutes: float) -> int:
    """Time out the active trajectories without news for `minutes`; they end at their last news."""
    now = now_ms()
    table = trajectories.c
    conditions = [table.status == "active", table.updated_at < now - int(minutes * 60_000)]
    async with database.read() as connection:
        found = await _find(connection, conditions)
    expired = 0
    for keys in _chunks(found):
        async with database.write() as connection:
            headers = await _lock(connection, database, keys, conditions, extra=("updated_at",))
            await _time_out(connection, database, headers, now)
        expired += len(headers)
    return expired


async def renew_statistics(database: Database) -> int:
    """Renew SQLite's statistics where the number of trajectories has doubled or halved; that number, else 0."""
    if database.dialect != "sqlite":
        return 0  # PostgreSQL does that by itself
    async with database.read() as connection:
        count = await connection.scalar(select(func.count()).select_from(trajectories)) or 0
        known = await _known_size(connection)
    if max(count, known) < _SMALL or known / 2 <= count <= known * 2:
        return 0
    await database.refresh_statistics()
    return count


async def _known_size(connection: AsyncConnection) -> int:
    """The number of trajectories that SQLite's statistics know of."""
    if not await connection.scalar(text("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'")):
        return 0
    sizes = text("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = 'trajectories'")
    return await connection.scalar(sizes) or 0


async def _find(
    connection: AsyncConnection, conditions: Conditions, most: int | None = None
) -> Sequence[int]:
    """Key and number of calls of each trajectory that meets `conditions`, one after the other in one array."""
    query = select(trajectories.c.key, trajectories.c.llm_call_count).where(*conditions)
    found = array("q")
    async with connection.stream(
        query.order_by(trajectories.c.key).limit(most).execution_options(yield_per=_PAGE)
    ) as rows:
        async for row in rows:
            found.extend(row)
    return found


def _chunks(found: Sequence[int]) -> Iterator[list[int]]:
    """The keys of what `_find` found, in chunks that are quickly worked off."""
    chunk: list[int] = []
    calls = 0
    for index in range(0, len(found), 2):
        key, count = found[index : index + 2]
        if chunk and (len(chunk) == _CHUNK or calls + count > _CHUNK_CALLS):
            yield chunk
            chunk, calls = [], 0
        chunk.append(key)
        calls += count
    if chunk:
        yield chunk


async def _delete(database: Database, found: Sequence[int], still: Conditions) -> int:
    """Delete what `_find` found and what meets the conditions `still`; how many there were."""
    deleted = 0
    for keys in _chunks(found):
        async with database.write() as connection:
            headers = await _lock(connection, database, keys, still)
            await remove(connection, database, headers)
        deleted += len(headers)
    return deleted


async def _lock(
    connection: AsyncConnection,
    database: Database,
    keys: Sequence[int],
    conditions: Conditions,
    extra: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Headers of the trajectories that still meet `conditions`, locked in the order of all writers."""
    columns = [trajectories.c[name] for name in ("key", *COLUMNS, *extra)]
    query = select(*columns).where(among(database.dialect, trajectories.c.key, keys), *conditions)
    rows = await connection.execute(query.order_by(trajectories.c.id).with_for_update())
    return [dict(row) for row in rows.mappings()]


async def _time_out(
    connection: AsyncConnection, database: Database, headers: Sequence[dict[str, Any]], now: int
) -> None:
    if not headers:
        return
    deltas = Deltas()
    changes = []
    for before in headers:
        change = {
            "status": "timeout",
            "end_time": before["updated_at"],
            "duration_ms": max(0, before["updated_at"] - before["start_time"]),
            "updated_at": now,
        }
        deltas.header(before, before | change)
        changes.append({f"new_{name}": value for name, value in change.items()} | {"its_key": before["key"]})
    statement = (
        update(trajectories)
        .where(trajectories.c.key == bindparam("its_key"))
        .values(
            {name: bindparam(f"new_{name}") for name in ("status", "end_time", "duration_ms", "updated_at")}
        )
    )
    await connection.execute(statement, changes)
    await queue_for_search(connection, [header["key"] for header in headers], now)
    await deltas.write(connection, database)
