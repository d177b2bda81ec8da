"""Trajectory documents and list records of all matches of a filter, in constant memory, and single documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.storable import clean_text
from whetstone.trajectories.ingest.scores import load_scores
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.documents import Json, document, list_record
from whetstone.trajectories.reading.keyset import Place, places
from whetstone.trajectories.reading.parts import load_parts
from whetstone.trajectories.reading.selection import resolve
from whetstone.trajectories.reading.sorting import Sort
from whetstone.trajectories.reading.totals import total
from whetstone.trajectories.tables import trajectories

_RECORDS = 500  # list records a page
# A page of documents ends where it would exceed one of these, after at least one document. Tokens stand for the
# length of texts, about four bytes each.
_DOCUMENTS = 200
_CALLS = 1000
_TOKENS = 1_000_000

Row = dict[str, Any]


async def find(database: Database, trajectory_id: str) -> Json | None:
    """The document of one trajectory."""
    query = select(trajectories).where(trajectories.c.id == clean_text(trajectory_id))
    async with database.read() as connection:
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        found = await _documents(connection, rows)
    return found[0] if found else None


async def records(
    database: Database, wanted: TrajectoryFilter, *, newest_first: bool = True
) -> AsyncIterator[Json]:
    """List records of all matches, page by page; memory does not grow with their number."""
    walk = _Walk(database, wanted, newest_first=newest_first)
    while not walk.ended:
        async with database.read() as connection:
            rows = await walk.next(connection, _RECORDS)
        for row in rows:
            yield list_record(row)


async def documents(
    database: Database, wanted: TrajectoryFilter, *, newest_first: bool = True, limit: int | None = None
) -> AsyncIterator[Json]:
    """Documents of at most `limit` matches; each page is read by key, so late pages cost what early ones do."""
    walk = _Walk(database, wanted, newest_first=newest_first)
    left = limit
    while not walk.ended and (left is None or left > 0):
        size = _DOCUMENTS if left is None else min(left, _DOCUMENTS)
        async with database.read() as connection:
            rows = await walk.next(connection, size, light=True)
            found = await _documents(connection, rows)
        left = None if left is None else left - len(found)
        for each in found:
            yield each


class _Walk:
    """Rows of `trajectories` that a filter means, by the time of their arrival."""

    def __init__(self, database: Database, wanted: TrajectoryFilter, *, newest_first: bool) -> None:
        self._database = database
        self._wanted = wanted
        self._sort = Sort(descending=newest_first)
        self._last: Place | None = None
        # Found out on the first page, and kept: it decides only about speed.
        self._few: bool | None = None
        self.ended = False

    async def next(self, connection: AsyncConnection, size: int, *, light: bool = False) -> list[Row]:
        """The next rows, at most `size`; `light` ones where their documents are loaded. First in a transaction."""
        selection = await resolve(connection, self._database, self._wanted)
        if self._few is None:
            self._few = bool(self._wanted.given()) and (await total(connection, selection)).is_few(size)
        found = await places(
            connection,
            selection.conditions(walking=not self._few),
            self._sort,
            limit=size,
            after=self._last,
            few=self._few,
        )
        query = select(trajectories).where(trajectories.c.key.in_([place.key for place in found]))
        by_key = {row["key"]: dict(row) for row in (await connection.execute(query)).mappings()}
        rows = [by_key[place.key] for place in found]
        shown = _light(rows) if light else rows
        self.ended = len(shown) < size and len(shown) == len(rows)
        if shown:
            self._last = found[len(shown) - 1]
        return shown


def _light(rows: list[Row]) -> list[Row]:
    """The first of `rows` that are together not too large for a page of documents, at least one."""
    calls = tokens = 0
    for index, row in enumerate(rows):
        calls += row["llm_call_count"]
        tokens += row["total_tokens"]
        if index and (calls > _CALLS or tokens > _TOKENS):
            return rows[:index]
    return rows


async def _documents(connection: AsyncConnection, rows: Sequence[Row]) -> list[Json]:
    keys = [row["key"] for row in rows]
    parts = await load_parts(connection, keys)
    scores = await load_scores(connection, keys)
    return [document(row, parts[row["key"]], scores[row["key"]]) for row in rows]
