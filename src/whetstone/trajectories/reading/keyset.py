"""Rows of a sorted list from any place on, read along the index of the order, so that depth costs nothing.

Where an order's column may be NULL, the rows that have a value and those that have none are read one after the other:
engines disagree on where NULLs stand in an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.reading.sorting import Sort
from whetstone.trajectories.tables import trajectories

Conditions = Sequence[ColumnElement[bool]]

_MAX_OFFSET = 2**62


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in an order: by its value (None where it has none), then by its key."""

    value: int | float | None
    key: int


async def places(
    connection: AsyncConnection,
    conditions: Conditions,
    sort: Sort,
    *,
    limit: int,
    after: Place | None = None,
    offset: int = 0,
    few: bool = False,
) -> list[Place]:
    """At most `limit` rows that meet `conditions`, behind `after` and then `offset` more.

    `few` says that few rows meet the conditions: they are then found by the conditions' own indexes and sorted,
    instead of walking along the order's index until enough have been met.
    """
    found: list[Place] = []
    skipped = max(0, min(offset, _MAX_OFFSET))
    for phase in _phases(sort, after, few=few):
        query = phase.query(conditions).limit(limit - len(found)).offset(skipped)
        rows = (await connection.execute(query)).all()
        found += [Place(row.value, row.key) for row in rows]
        if len(found) == limit:
            break
        if rows:
            skipped = 0
        elif skipped and phase.followed:
            skipped -= await phase.count(connection, conditions)
    return found


@dataclass(frozen=True, slots=True)
class _Phase:
    value: ColumnElement[Any]
    key: ColumnElement[int]
    restriction: list[ColumnElement[bool]]
    descending: bool
    # Whether rows without a value come behind.
    followed: bool

    def query(self, conditions: Conditions) -> Select[Any]:
        query = select(self.value.label("value"), trajectories.c.key).where(*self.restriction, *conditions)
        for column in (self.value, self.key):
            query = query.order_by(column.desc() if self.descending else column.asc())
        return query

    async def count(self, connection: AsyncConnection, conditions: Conditions) -> int:
        query = select(func.count()).select_from(trajectories).where(*self.restriction, *conditions)
        return (await connection.execute(query)).scalar_one()


def _phases(sort: Sort, after: Place | None, *, few: bool) -> list[_Phase]:
    column: ColumnElement[Any] = sort.column
    key: ColumnElement[int] = trajectories.c.key
    if few:
        # An expression has no index, so that both planners start from the conditions.
        column, key = column + 0, key + 0
    phases = []
    if after is None or after.value is not None:
        restriction: list[ColumnElement[bool]] = [column.is_not(None)] if sort.nullable else []
        if after is not None:
            here, there = tuple_(column, key), tuple_(literal(after.value), literal(after.key))
            restriction.append(here < there if sort.descending else here > there)
        phases.append(_Phase(column, key, restriction, sort.descending, followed=sort.nullable))
    if sort.nullable:
        restriction = [column.is_(None)]
        if after is not None and after.value is None:
            restriction.append(key < after.key if sort.descending else key > after.key)
        phases.append(_Phase(column, key, restriction, sort.descending, followed=False))
    return phases
