"""Sums over all trajectories, kept right by differences in the transaction of each change.

A change adds what its trajectories contribute after it and takes away what they contributed before it, so that the
sums are exact after any interleaving of writes and deletions. Sums are whole numbers: those add up in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Insert, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.engine import Dialect
from whetstone.trajectories.ingest.header import Header
from whetstone.trajectories.tables import trajectory_counters

HOUR_MS = 3_600_000
MAX_DURATION_MS = 10**13
"""A longer duration counts as this long: sums of almost a million of them still fit into 64 bits."""

MICROS = 1_000_000
FAILED_STATUSES = ("error", "timeout")

# Sum -> the column of `trajectories` that it adds up.
_SUMS = {
    "steps": "step_count",
    "llm_calls": "llm_call_count",
    "provider_accesses": "provider_access_count",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cache_read_input_tokens": "cache_read_input_tokens",
    "cache_creation_input_tokens": "cache_creation_input_tokens",
}
TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Sums that calls have too."""

NAMES = (
    "trajectories",
    *_SUMS,
    "failed",
    "ended",
    "duration_ms",
    "rewarded",
    "reward_whole",
    "reward_micros",
)
"""The columns of a counter, in the order of contributions."""

COLUMNS = (
    *_SUMS.values(),
    *("source", "status", "scenario_id", "start_time", "duration_ms", "total_reward", "error_count"),
)
"""The columns of `trajectories` that counters need of a header."""

_HEADER_COLUMNS = tuple(_SUMS.values())
_WIDTH = len(NAMES)
_CALL_PLACES = tuple((NAMES.index(name), name) for name in TOKENS)
_CALLS, _TRAJECTORIES = NAMES.index("llm_calls"), NAMES.index("trajectories")

Place = tuple[str, str]
"""(dimension, value)"""


class Deltas:
    """Differences to the counters, gathered over one transaction and written at its end."""

    def __init__(self) -> None:
        self._sums: dict[Place, list[int]] = {}

    def header(self, before: Header | None, after: Header | None) -> None:
        """A trajectory turned from `before` into `after`; None where it was not stored, or is gone.

        Both need only the columns `COLUMNS`.
        """
        lost = _contribution(before) if before is not None else None
        gained = _contribution(after) if after is not None else None
        places = list(_places(before)) if before is not None else []
        new_places = list(_places(after)) if after is not None else []
        if lost is not None and gained is not None and places == new_places:
            if lost != gained:
                change = [new - old for new, old in zip(gained, lost, strict=True)]
                self._add(places, change)
            return
        if lost is not None:
            self._add(places, [-value for value in lost])
        if gained is not None:
            self._add(new_places, gained)

    def calls(self, rows: Iterable[Mapping[Any, Any]], sign: int = 1) -> None:
        """Calls that were added (`sign` 1) or deleted (-1), as rows of `llm_calls`."""
        for row in rows:
            self.model(row["model"], 1, row, sign)

    def model(self, model: str, count: int, tokens: Mapping[Any, Any], sign: int = 1) -> None:
        """`count` calls of one model, with the sums of their `TOKENS`."""
        sums = self._sums.setdefault(("model", model), [0] * _WIDTH)
        sums[_CALLS] += sign * count
        for index, name in _CALL_PLACES:
            sums[index] += sign * int(tokens.get(name) or 0)

    async def write(self, connection: AsyncConnection, database: Database) -> None:
        """Add the differences to the stored counters. The last statement of a transaction: it locks hot rows.

        Each writer takes the rows in the same order, so that none waits for another in a circle.
        """
        changed = sorted((place, sums) for place, sums in self._sums.items() if any(sums))
        if not changed:
            return
        await connection.execute(_upsert(database.dialect), [_row(place, sums) for place, sums in changed])
        fewer = [place for place, sums in changed if sums[_TRAJECTORIES] < 0 or sums[_CALLS] < 0]
        if fewer:
            await connection.execute(
                _DELETE_EMPTY, [{"its_dimension": name, "its_value": value} for name, value in fewer]
            )
        self._sums.clear()

    def rows(self) -> list[dict[str, Any]]:
        """The differences as rows of `trajectory_counters`, in the order of writers."""
        return [_row(place, sums) for place, sums in sorted(self._sums.items()) if any(sums)]

    def _add(self, places: Iterable[Place], change: list[int]) -> None:
        for place in places:
            sums = self._sums.get(place)
            if sums is None:
                self._sums[place] = list(change)
            else:
                for index, value in enumerate(change):
                    sums[index] += value


_DELETE_EMPTY = delete(trajectory_counters).where(
    trajectory_counters.c.dimension == bindparam("its_dimension"),
    trajectory_counters.c.value == bindparam("its_value"),
    trajectory_counters.c.trajectories == 0,
    trajectory_counters.c.llm_calls == 0,
)


@cache
def _upsert(dialect: Dialect) -> Insert:
    insert: postgresql.Insert | sqlite.Insert
    if dialect == "postgresql":
        insert = postgresql.insert(trajectory_counters)
    else:
        insert = sqlite.insert(trajectory_counters)
    return insert.on_conflict_do_update(
        index_elements=["dimension", "value"],
        set_={name: trajectory_counters.c[name] + insert.excluded[name] for name in NAMES},
    )


def _row(place: Place, sums: list[int]) -> dict[str, Any]:
    return {"dimension": place[0], "value": place[1], **dict(zip(NAMES, sums, strict=True))}


def _contribution(header: Mapping[str, Any]) -> list[int]:
    duration, reward = header["duration_ms"], header["total_reward"]
    # In two columns: a sum of large rewards in millionths would not fit into 64 bits.
    whole, micros = divmod(round(reward * MICROS), MICROS) if reward is not None else (0, 0)
    return [
        1,
        *(header[name] for name in _HEADER_COLUMNS),
        int(header["status"] in FAILED_STATUSES or header["error_count"] > 0),
        int(duration is not None),
        min(duration or 0, MAX_DURATION_MS),
        int(reward is not None),
        whole,
        micros,
    ]


def _places(header: Mapping[str, Any]) -> Iterator[Place]:
    yield ("all", "")
    yield ("source", header["source"])
    yield ("status", header["status"])
    yield ("hour", str(header["start_time"] // HOUR_MS))
    if header["scenario_id"] is not None:
        yield ("scenario", header["scenario_id"])
