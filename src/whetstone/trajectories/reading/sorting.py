"""The orders in which trajectories can be listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement

from whetstone.errors import InvalidInputError
from whetstone.trajectories.tables import trajectories

SortKey = Literal["createdAt", "startTime", "duration", "tokens", "reward", "relevance"]

_COLUMNS = {
    "createdAt": trajectories.c.created_at,
    "startTime": trajectories.c.start_time,
    "duration": trajectories.c.duration_ms,
    "tokens": trajectories.c.total_tokens,
    "reward": trajectories.c.total_reward,
}


@dataclass(frozen=True, slots=True)
class Sort:
    """Latest or largest first, or last; equal ones by the order in which they were stored.

    Trajectories without the value come last both ways. By relevance, the best match is always first, and only the
    1,000 best are listed.
    """

    by: SortKey = "createdAt"
    descending: bool = True

    @property
    def column(self) -> ColumnElement[Any]:
        """The column of `trajectories` that holds the value; there is none of relevance."""
        return _COLUMNS[self.by]

    @property
    def nullable(self) -> bool:
        """Whether some trajectories have no value."""
        return bool(trajectories.c[_COLUMNS[self.by].name].nullable)


def parse_sort(by: str | None, order: str | None) -> Sort:
    """The order that a client asks for by name; what is absent is the default. Raises InvalidInputError."""
    if by and by not in get_args(SortKey):
        raise InvalidInputError(f"'sort' must be one of {', '.join(get_args(SortKey))}")
    if order and order not in {"asc", "desc"}:
        msg = "'order' must be asc or desc"
        raise InvalidInputError(msg)
    return Sort(cast("SortKey", by or "createdAt"), order != "asc")
