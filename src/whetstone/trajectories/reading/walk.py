"""The first matches of a common search in some order, without listing all that match."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.reading.keyset import Place, places
from whetstone.trajectories.reading.selection import Selection
from whetstone.trajectories.reading.sorting import Sort
from whetstone.trajectories.search.search_plan import SearchPlan
from whetstone.trajectories.tables import trajectories

_FIRST_ROWS = 200
_MOST_ROWS = 5_000
_DENSE = 4  # keys of a range for one that is asked about


async def walk(
    connection: AsyncConnection,
    selection: Selection,
    search: SearchPlan,
    sort: Sort,
    *,
    limit: int,
    after: Place | None,
) -> list[Place]:
    """At most `limit` rows of a selection behind `after`.

    Rows that meet the other filters are taken along the order, more each time, and the index is asked about their
    keys alone: neighbours in an order by time have neighbouring keys.
    """
    others = selection.wanted.without_search(selection.dialect, walking=True)
    found: list[Place] = []
    size = _FIRST_ROWS
    while len(found) < limit:
        rows = await places(connection, others, sort, limit=size, after=after)
        if rows:
            matching = await _matching(connection, search, [place.key for place in rows])
            found += [place for place in rows if place.key in matching]
        if len(rows) < size:
            break
        after, size = rows[-1], min(2 * size, _MOST_ROWS)
    return found[:limit]


async def _matching(connection: AsyncConnection, search: SearchPlan, keys: list[int]) -> set[int]:
    """Those of `keys` that a search finds, and maybe neighbours of theirs."""
    low, high = min(keys), max(keys)
    column = trajectories.c.key
    dense = high - low < _DENSE * len(keys)
    # A range is one parameter pair; a list is for keys that are strewn over the whole store.
    among = column.between(low, high) if dense else column.in_(keys)
    query = select(column).where(among, search.probe((low, high)))
    return set((await connection.execute(query)).scalars())
