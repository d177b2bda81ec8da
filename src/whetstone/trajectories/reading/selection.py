"""Which rows a filter means, its search included."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.engine import Dialect
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.search.plan import plan_search
from whetstone.trajectories.search.search_plan import SearchPlan


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter whose search has been looked up; good for the transaction in which that was done."""

    wanted: TrajectoryFilter
    dialect: Dialect
    search: SearchPlan | None = None

    def conditions(self, *, walking: bool = False) -> list[ColumnElement[bool]]:
        """The whole filter as SQL conditions on `trajectories`.

        `walking` is for reading along the index of an order until enough rows have met the conditions; without it,
        rows are found by the conditions.
        """
        found = self.wanted.without_search(self.dialect, walking=walking)
        if self.search is not None:
            found.append(self.search.probe() if walking else self.search.condition())
        return found


async def resolve(connection: AsyncConnection, database: Database, wanted: TrajectoryFilter) -> Selection:
    """Look up the search of a filter. The first thing in a transaction. Raises InvalidInputError on the search."""
    plan = None
    if wanted.search:
        plan = await plan_search(connection, database, wanted.search, wanted.search_mode)
    return Selection(wanted, database.dialect, plan)


async def selected(
    connection: AsyncConnection, database: Database, wanted: TrajectoryFilter
) -> list[ColumnElement[bool]]:
    """The whole filter as SQL conditions on `trajectories`, as `resolve` finds them."""
    return (await resolve(connection, database, wanted)).conditions()
