"""Filters on trajectories, and lists of any length as one SQL parameter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, exists, not_, or_, select
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from whetstone.db.engine import Dialect
from whetstone.db.lists import text_set
from whetstone.storable import clean_text
from whetstone.trajectories.search.query import SearchMode
from whetstone.trajectories.tables import trajectories, trajectory_labels

_MAX_MOMENT = 2**62
# Filters that few rows meet: cheaper to look up the labels of those than all rows with a label.
_NARROW = frozenset({"ids", "scenario_id", "batch_id", "run_id", "trace_id"})
_NARROW_COLUMNS = frozenset({"id", "scenario_id", "batch_id", "run_id", "trace_id"})
_FILTERED = _NARROW_COLUMNS | {"source", "status", "is_training_data", "start_time", "total_reward"}


@dataclass(frozen=True, slots=True)
class TrajectoryFilter:
    """Which trajectories are meant; what is None does not restrict, and all that is given must hold together.

    Dates are milliseconds since the epoch, inclusive, and compare with the start of a trajectory. `search` is a
    literal substring, case-insensitive in every script, or with `search_mode` "query" an expression of words,
    phrases and prefixes. `model`, `task` and `tag` hold where one of the trajectory's calls (or it itself, for a
    tag) has them. `min_reward` is inclusive; a trajectory that nobody rewarded has less than any. `has_error` asks
    for the status error or timeout, or something in the trajectory that failed.
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
    task: str | None = None
    model: str | None = None
    tag: str | None = None
    min_reward: float | None = None
    has_error: bool | None = None
    search_mode: SearchMode = "text"

    def given(self) -> dict[str, Any]:
        """What restricts, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "search_mode"}
        return {name: value for name, value in values.items() if value is not None and value != ""}

    def without_search(self, dialect: Dialect, *, walking: bool = False) -> list[ColumnElement[bool]]:
        """All of the filter but its search as SQL conditions on `trajectories`; `selection` adds that.

        `walking` is for reading along an index that is not the filter's, until enough rows have met the filter:
        labels are then looked up row by row. Otherwise they are what rows are found by.
        """
        columns = _columns(self._indexed(dialect, walking=walking))
        exact = {
            columns["source"]: self.source,
            columns["status"]: self.status,
            columns["scenario_id"]: self.scenario_id,
            columns["batch_id"]: self.batch_id,
            columns["run_id"]: self.run_id,
            columns["trace_id"]: self.trace_id,
        }
        found: list[ColumnElement[bool]] = [
            field == clean_text(value) for field, value in exact.items() if value is not None
        ]
        one_by_one = walking or bool(self.given().keys() & _NARROW)
        found += [_labelled(kind, value, one_by_one=one_by_one) for kind, value in self.labels().items()]
        if self.is_training_data is not None:
            found.append(columns["is_training_data"].is_(self.is_training_data))
        if self.start_date is not None:
            found.append(columns["start_time"] >= _bounded(self.start_date))
        if self.end_date is not None:
            found.append(columns["start_time"] <= _bounded(self.end_date))
        if self.min_reward is not None:
            found.append(columns["total_reward"] >= self.min_reward)
        if self.has_error is not None:
            failed = or_(trajectories.c.status.in_(("error", "timeout")), trajectories.c.error_count > 0)
            found.append(failed if self.has_error else not_(failed))
        if self.ids is not None:
            found.append(columns["id"].in_(text_set(dialect, self.ids)))
        return found

    def _indexed(self, dialect: Dialect, *, walking: bool) -> frozenset[str]:
        """The columns by whose indexes rows may be found.

        PostgreSQL knows how many rows have each value. SQLite only knows averages and so prefers the index of any
        value to a walk, which is wrong for common ones: a walk along the order, or through `ix_trajectories_newest`
        which has all those columns, is never far from the best.
        """
        if dialect == "postgresql":
            return _FILTERED
        if walking:
            return frozenset()
        alone = len({name.replace("end_date", "start_date") for name in self.given()}) == 1
        return _FILTERED if alone else _NARROW_COLUMNS

    def labels(self) -> dict[str, str]:
        """The labels that a trajectory must have, by their kind."""
        wanted = {"model": self.model, "task": self.task, "tag": self.tag}
        return {kind: clean_text(value) for kind, value in wanted.items() if value is not None}


def _columns(indexed: Collection[str]) -> dict[str, ColumnElement[Any]]:
    """Columns of `trajectories`; those that are not `indexed` behind a plus sign, which hides them from the planner."""
    plus: custom_op[Any] = custom_op("+")
    return {
        name: trajectories.c[name]
        if name in indexed
        else UnaryExpression(trajectories.c[name], operator=plus, type_=trajectories.c[name].type)
        for name in _FILTERED
    }


def _labelled(kind: str, value: str, *, one_by_one: bool) -> ColumnElement[bool]:
    label = trajectory_labels.c
    its_kind = label.kind == kind, label.value == value
    if one_by_one:
        return exists().where(label.trajectory_key == trajectories.c.key, *its_kind)
    return trajectories.c.key.in_(select(label.trajectory_key).where(*its_kind))


def _bounded(moment: int) -> int:
    return max(-_MAX_MOMENT, min(moment, _MAX_MOMENT))
