"""Reading trajectories: pages by offset, streams by key, and documents with all their parts in four queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Select, Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.storable import clean_text
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.documents import Json, document, list_record
from whetstone.trajectories.shared_texts import load_texts
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events

_RECORDS = 500  # list records a page
_DOCUMENTS = 50  # trajectory documents a page
_CALLS = 500  # LLM calls a page of documents, unless one trajectory alone has more
_MAX_OFFSET = 2**62

Row = dict[str, Any]


async def page(
    database: Database, wanted: TrajectoryFilter, limit: int, offset: int
) -> tuple[list[Json], int]:
    """List records, newest first, and the number of all matches."""
    conditions = wanted.conditions(database.dialect)
    async with database.read() as connection:
        count = select(func.count()).select_from(trajectories).where(*conditions)
        total: int = (await connection.execute(count)).scalar_one()
        if offset >= total or limit <= 0:
            return [], total
        # Only keys are skipped over, from the index; whole rows are fetched for the page alone.
        keys = _newest_first(select(trajectories.c.key).where(*conditions))
        keys = keys.limit(limit).offset(max(0, min(offset, _MAX_OFFSET)))
        query = _newest_first(select(trajectories).where(trajectories.c.key.in_(keys.subquery().select())))
        rows = (await connection.execute(query)).mappings().all()
    return [list_record(row) for row in rows], total


async def find(database: Database, trajectory_id: str) -> Json | None:
    """The document of one trajectory."""
    query = select(trajectories).where(trajectories.c.id == clean_text(trajectory_id))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
        documents = await _documents(connection, [dict(row) for row in rows])
    return documents[0] if documents else None


async def records(
    database: Database, wanted: TrajectoryFilter, *, newest_first: bool = True
) -> AsyncIterator[Json]:
    """List records of all matches, page by page; memory does not grow with their number."""
    last: Row | None = None
    while True:
        async with database.read() as connection:
            rows = await _after(connection, database, wanted, last, _RECORDS, newest_first=newest_first)
        for row in rows:
            yield list_record(row)
        if len(rows) < _RECORDS:
            return
        last = rows[-1]


async def documents(
    database: Database, wanted: TrajectoryFilter, *, newest_first: bool = True, limit: int | None = None
) -> AsyncIterator[Json]:
    """Documents of at most `limit` matches; each page is read by key, so late pages cost what early ones do."""
    last: Row | None = None
    left = limit
    while left is None or left > 0:
        size = _DOCUMENTS if left is None else min(left, _DOCUMENTS)
        async with database.read() as connection:
            rows = await _after(connection, database, wanted, last, size, newest_first=newest_first)
            part = _light(rows)
            found = await _documents(connection, part)
        for each in found:
            yield each
        if not rows or (len(part) == len(rows) < size):
            return
        last = part[-1]
        left = None if left is None else left - len(part)


def _newest_first(query: Select[Any], *, descending: bool = True) -> Select[Any]:
    order = (trajectories.c.created_at, trajectories.c.key)
    return query.order_by(*(column.desc() if descending else column.asc() for column in order))


async def _after(
    connection: AsyncConnection,
    database: Database,
    wanted: TrajectoryFilter,
    last: Row | None,
    size: int,
    *,
    newest_first: bool,
) -> list[Row]:
    """The next `size` rows behind `last`."""
    query = select(trajectories).where(*wanted.conditions(database.dialect))
    if last is not None:
        place = tuple_(trajectories.c.created_at, trajectories.c.key)
        behind = tuple_(last["created_at"], last["key"])
        query = query.where(place < behind if newest_first else place > behind)
    query = _newest_first(query, descending=newest_first).limit(size)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _light(rows: list[Row]) -> list[Row]:
    """The first of `rows` that together have at most 500 LLM calls, at least one row."""
    calls = 0
    for index, row in enumerate(rows):
        calls += row["llm_call_count"]
        if calls > _CALLS and index:
            return rows[:index]
    return rows


async def _documents(connection: AsyncConnection, rows: Sequence[Row]) -> list[Json]:
    keys = [row["key"] for row in rows]
    parts = [
        await _by_owner(connection, table, keys)
        for table in (steps, llm_calls, provider_accesses, trajectory_events)
    ]
    await load_texts(connection, (row for owned in parts[1].values() for row in owned))
    return [document(row, *(part[row["key"]] for part in parts)) for row in rows]


async def _by_owner(
    connection: AsyncConnection, table: Table, keys: Sequence[int]
) -> defaultdict[int, list[Row]]:
    owned: defaultdict[int, list[Row]] = defaultdict(list)
    if keys:
        query = select(table).where(table.c.trajectory_key.in_(keys))
        for row in (await connection.execute(query)).mappings():
            owned[row["trajectory_key"]].append(dict(row))
    return owned
