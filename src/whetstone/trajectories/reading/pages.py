"""Pages of the trajectory list: any filter, any order, by offset or behind a cursor, with the exact total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.errors import InvalidInputError
from whetstone.trajectories.reading import cursor as cursors
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.documents import Json, list_record
from whetstone.trajectories.reading.keyset import Place, places
from whetstone.trajectories.reading.selection import Selection, resolve
from whetstone.trajectories.reading.sorting import Sort
from whetstone.trajectories.reading.totals import Total, total
from whetstone.trajectories.reading.walk import walk
from whetstone.trajectories.search.lag import Lag, lag
from whetstone.trajectories.search.search_plan import MAX_RELEVANT, SearchPlan
from whetstone.trajectories.search.snippets import snippets
from whetstone.trajectories.tables import trajectories, trajectory_labels

_LABELS = {"model": "models", "task": "tasks", "tag": "tags"}
# The filters whose index has the rows in the order of `createdAt`.
_IN_ORDER = ({"source"}, {"status"})

_WALKED = 500  # matches that may be skipped one by one


@dataclass(frozen=True, slots=True)
class Page:
    """List records (contract §3.1), the number of all matches, and the cursor of the next page if there is one.

    Beside the contract's, records have `totalTokens`, `errorCount`, `models`, `tasks` and `tags`, and `snippet`
    where a search matched. `search` says how much of the store is searched without an index, if there is a search.
    """

    records: list[Json]
    total: int
    next_cursor: str | None = None
    search: Lag | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: at most `limit` rows behind `cursor`, or else behind the first `offset` rows."""

    limit: int
    offset: int = 0
    sort: Sort = field(default_factory=Sort)
    cursor: str | None = None


async def page(database: Database, wanted: TrajectoryFilter, request: PageRequest) -> Page:
    """One page. Raises InvalidInputError on an unusable search or cursor."""
    sort = request.sort
    if sort.by == "relevance" and not wanted.search:
        msg = "Only a search can be sorted by relevance; send 'search' too"
        raise InvalidInputError(msg)
    after = None if request.cursor is None else cursors.decode(request.cursor, wanted, sort)
    async with database.read() as connection:
        selection = await resolve(connection, database, wanted)
        behind = None
        if wanted.search:
            behind = selection.search.lag if selection.search else await lag(connection, database)
        count = await total(connection, selection)
        if not count.matching or request.limit <= 0:
            return Page([], count.matching, search=behind)
        if sort.by == "relevance":
            found = await _relevant(connection, selection, request, after)
        else:
            found = await _sorted(connection, selection, request, after, count)
        shown = [place.key for place in found[: request.limit]]
        records = await _records(connection, shown, selection.search)
    more = len(found) > request.limit
    following = cursors.encode(found[request.limit - 1], wanted, sort) if more else None
    return Page(records, count.matching, following, behind)


async def _sorted(
    connection: AsyncConnection, selection: Selection, request: PageRequest, after: Place | None, count: Total
) -> list[Place]:
    """The rows of a page and, if there is one, the row behind it."""
    offset = 0 if after is not None else request.offset
    if offset >= count.matching:
        return []
    in_order = request.sort.by == "createdAt" and selection.wanted.given().keys() in _IN_ORDER
    few = not in_order and count.is_few(offset + request.limit)
    search = selection.search
    if search is not None and selection.dialect == "sqlite" and not few and offset <= _WALKED:
        limit = offset + request.limit + 1
        return (await walk(connection, selection, search, request.sort, limit=limit, after=after))[offset:]
    return await places(
        connection,
        selection.conditions(walking=not few and not in_order),
        request.sort,
        limit=request.limit + 1,
        after=after,
        offset=offset,
        few=few,
    )


async def _relevant(
    connection: AsyncConnection, selection: Selection, request: PageRequest, after: Place | None
) -> list[Place]:
    """As `_sorted`, of the best matches. A place is by rank, but found again by its key: ranks move."""
    if selection.search is None:
        return []
    ranked = await selection.search.relevance(connection, MAX_RELEVANT)
    others = selection.wanted.without_search(selection.dialect)
    if others:
        query = select(trajectories.c.key).where(trajectories.c.key.in_(ranked), *others)
        meeting = set((await connection.execute(query)).scalars())
        ranked = [key for key in ranked if key in meeting]
    start = request.offset
    if after is not None:
        start = ranked.index(after.key) + 1 if after.key in ranked else int(after.value or 0)
    part = ranked[start : start + request.limit + 1]
    return [Place(start + number, key) for number, key in enumerate(part)]


async def _records(connection: AsyncConnection, keys: Sequence[int], search: SearchPlan | None) -> list[Json]:
    query = select(trajectories).where(trajectories.c.key.in_(keys))
    rows = {row["key"]: dict(row) for row in (await connection.execute(query)).mappings()}
    labels = await _labels(connection, keys)
    found = await snippets(connection, search, keys) if search is not None and keys else {}
    records = []
    for key in keys:
        row = rows[key]
        record = list_record(row) | labels[key]
        record |= {"totalTokens": row["total_tokens"], "errorCount": row["error_count"]}
        if key in found:
            record["snippet"] = found[key]
        records.append(record)
    return records


async def _labels(connection: AsyncConnection, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    table = trajectory_labels.c
    query = select(table.trajectory_key, table.kind, table.value).where(table.trajectory_key.in_(keys))
    found: dict[int, dict[str, Any]] = {key: {name: [] for name in _LABELS.values()} for key in keys}
    for key, kind, value in await connection.execute(query.order_by(*query.selected_columns)):
        if kind in _LABELS:
            found[key][_LABELS[kind]].append(value)
    return found
