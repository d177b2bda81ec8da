"""Filters on trajectories, and lists of any length as one SQL parameter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Select, String, Text, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB

from whetstone.db.engine import Dialect
from whetstone.storable import clean_text
from whetstone.trajectories.search import matches
from whetstone.trajectories.tables import trajectories

_MAX_MOMENT = 2**62


@dataclass(frozen=True, slots=True)
class TrajectoryFilter:
    """Which trajectories are meant; what is None does not restrict.

    Dates are milliseconds since the epoch, inclusive, and compare with the start of a trajectory. `search` is a
    literal substring, case-insensitive in every script.
    """

    source: str | None = None
    status: str | None = None
    start_date: int | None = None
    end_date: int | None = None
    search: str | None = None
    scenario_id: str | None = None
    batch_id: str | None = None
    run_id: str | None = None
    trace_id: str | None = None
    is_training_data: bool | None = None
    ids: Collection[str] | None = None

    def conditions(self, dialect: Dialect) -> list[ColumnElement[bool]]:
        """The filter as SQL conditions on `trajectories`. Raises InvalidInputError on an overlong search."""
        table = trajectories.c
        exact = {
            table.source: self.source,
            table.status: self.status,
            table.scenario_id: self.scenario_id,
            table.batch_id: self.batch_id,
            table.run_id: self.run_id,
            table.trace_id: self.trace_id,
        }
        found: list[ColumnElement[bool]] = [
            field == clean_text(value) for field, value in exact.items() if value is not None
        ]
        if self.is_training_data is not None:
            found.append(table.is_training_data.is_(self.is_training_data))
        if self.start_date is not None:
            found.append(table.start_time >= _bounded(self.start_date))
        if self.end_date is not None:
            found.append(table.start_time <= _bounded(self.end_date))
        if self.ids is not None:
            found.append(table.id.in_(texts(dialect, self.ids)))
        if self.search:
            found.append(matches(dialect, self.search))
        return found


def texts(dialect: Dialect, values: Collection[str]) -> Select[tuple[str]]:
    """A subquery of `values` that costs one parameter: both engines limit how many a statement may have."""
    array = [clean_text(value) for value in values]
    if dialect == "sqlite":
        items = func.json_each(orjson.dumps(array).decode()).table_valued(column("value", String))
    else:
        items = func.jsonb_array_elements_text(cast(array, JSONB)).table_valued(column("value", Text))
    return select(items.c.value)


def _bounded(moment: int) -> int:
    return max(-_MAX_MOMENT, min(moment, _MAX_MOMENT))
