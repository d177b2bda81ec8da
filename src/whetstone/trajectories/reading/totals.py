"""How many trajectories a filter means: counted, never estimated, and quick at any size."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.storable import clean_text
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.selection import Selection
from whetstone.trajectories.tables import trajectories, trajectory_counters, trajectory_labels

# The filters whose totals are kept, with the dimension of their counters.
_DIMENSIONS = {"source": "source", "status": "status", "scenario_id": "scenario"}


class Total(NamedTuple):
    """`matching` trajectories of the `stored` ones."""

    matching: int
    stored: int

    def is_few(self, depth: int) -> bool:
        """Whether collecting and sorting all matches is less work than walking along the index of an order.

        The walk meets a match each `stored / matching` rows on average, and needs `depth` of them.
        """
        return self.matching < self.stored and self.matching**2 <= depth * self.stored


async def total(connection: AsyncConnection, selection: Selection) -> Total:
    """The exact total of a selection: kept ones from the counters, others by the narrowest index."""
    wanted = selection.wanted
    given = wanted.given()
    place = _counter(wanted) if given.keys() <= {*_DIMENSIONS, "has_error"} else None
    counted = await _counted(connection, place or ("all", ""))
    if counted is None:  # an empty store, or nearly
        stored = await _count(connection, Selection(TrajectoryFilter(), selection.dialect))
        return Total(await _count(connection, selection) if given and stored else stored, stored)
    stored, matching, failed = counted
    if place is not None:
        if wanted.has_error is not None:
            matching = failed if wanted.has_error else matching - failed
        return Total(matching, stored)
    if selection.search is not None and given.keys() == {"search"}:
        return Total(await selection.search.count(connection), stored)
    labels = wanted.labels()
    if len(labels) == len(given) == 1:
        return Total(await _labelled(connection, *labels.popitem()), stored)
    return Total(await _count(connection, selection), stored)


def _counter(wanted: TrajectoryFilter) -> tuple[str, str] | None:
    """Dimension and value of the counter that has the total; None where no single one has."""
    given = wanted.given()
    values = [(_DIMENSIONS[name], clean_text(value)) for name, value in given.items() if name in _DIMENSIONS]
    if len(values) > 1:
        return None
    return values[0] if values else ("all", "")


async def _counted(connection: AsyncConnection, place: tuple[str, str]) -> tuple[int, int, int] | None:
    """All that are stored, those of `place`, and how many of those failed; None without counters."""
    table = trajectory_counters.c
    wanted = {("all", ""), place}
    query = select(table.dimension, table.value, table.trajectories, table.failed).where(
        or_(*(and_(table.dimension == dimension, table.value == value) for dimension, value in wanted))
    )
    rows = {(row.dimension, row.value): row for row in await connection.execute(query)}
    if ("all", "") not in rows:
        return None
    here = rows.get(place)
    stored: int = rows["all", ""].trajectories
    return (stored, here.trajectories, here.failed) if here is not None else (stored, 0, 0)


async def _count(connection: AsyncConnection, selection: Selection) -> int:
    query = select(func.count()).select_from(trajectories).where(*selection.conditions())
    return (await connection.execute(query)).scalar_one()


async def _labelled(connection: AsyncConnection, kind: str, value: str) -> int:
    table = trajectory_labels.c
    query = (
        select(func.count()).select_from(trajectory_labels).where(table.kind == kind, table.value == value)
    )
    return (await connection.execute(query)).scalar_one()
