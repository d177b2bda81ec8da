"""What the rows below trajectories say about them: the rollups and labels that should be stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.ingest.counters import TOKENS
from whetstone.trajectories.ingest.failures import TOOL_EVENTS, action_failed, call_failed, event_failed
from whetstone.trajectories.ingest.feedback import tags_of
from whetstone.trajectories.ingest.labels import Classify, Label, call_labels, no_tasks
from whetstone.trajectories.ingest.shared_texts import texts_of
from whetstone.trajectories.ingest.tags import TAG
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectory_events

ROLLUPS = (
    *("step_count", "llm_call_count", "provider_access_count"),
    *TOKENS,
    *("total_tokens", "error_count"),
)
"""The columns of `trajectories` that add up the rows below."""

_CALL_COLUMNS = ("model", *TOKENS, "finish_reason", "extra")
Row = dict[str, Any]


@dataclass(slots=True)
class Recount:
    """What one trajectory should have. Labels between `labels` and `possible` may be there or not.

    Those are tasks that only a correction of a call makes it an example of.
    """

    rollups: dict[str, int]
    labels: set[Label]
    possible: set[Label]
    calls: list[Row] = field(default_factory=list)


async def recount(
    connection: AsyncConnection, headers: Sequence[Row], classify: Classify
) -> dict[int, Recount]:
    """Count again what belongs to trajectories (whole rows), by key. With `no_tasks`, task labels are not looked at."""
    keys = [header["key"] for header in headers]
    found = {}
    for header in headers:
        tags: set[Label] = {(TAG, value) for value in tags_of(header)}
        found[header["key"]] = Recount(dict.fromkeys(ROLLUPS, 0), tags, set(tags))
    for row in await _rows(connection, steps, ("extra",), keys):
        rollups = found[row["trajectory_key"]].rollups
        rollups["step_count"] += 1
        rollups["error_count"] += action_failed(row["extra"])
    for row in await _rows(connection, provider_accesses, (), keys):
        found[row["trajectory_key"]].rollups["provider_access_count"] += 1
    tool_events = trajectory_events.c.category == TOOL_EVENTS
    for row in await _rows(connection, trajectory_events, ("category", "body"), keys, tool_events):
        found[row["trajectory_key"]].rollups["error_count"] += event_failed(row["category"], row["body"])
    whole = classify is not no_tasks
    calls = await _rows(connection, llm_calls, llm_calls.columns.keys() if whole else _CALL_COLUMNS, keys)
    if whole:
        await _add_texts(connection, calls)
    for row in calls:
        _add_call(found[row["trajectory_key"]], row, classify)
    return found


def _add_call(owner: Recount, row: Row, classify: Classify) -> None:
    rollups = owner.rollups
    rollups["llm_call_count"] += 1
    for name in TOKENS:
        rollups[name] += row[name] or 0
    rollups["total_tokens"] = rollups["prompt_tokens"] + rollups["completion_tokens"]
    rollups["error_count"] += call_failed(row["finish_reason"], row["extra"])
    owner.calls.append({name: row[name] for name in ("model", *TOKENS)})
    owner.possible.update(call_labels(row, classify))
    owner.labels.update(call_labels(row | {"correction": None}, classify))
    owner.possible |= owner.labels


async def _add_texts(connection: AsyncConnection, calls: Sequence[Row]) -> None:
    keys = {row[name] for row in calls for name in ("system_prompt_key", "tools_key")} - {None}
    bodies = await texts_of(connection, keys)
    for row in calls:
        row["system_prompt"] = bodies.get(row["system_prompt_key"], "")
        tools = bodies.get(row["tools_key"])
        row["tools"] = None if tools is None else orjson.loads(tools)


async def _rows(
    connection: AsyncConnection,
    table: Table,
    names: Sequence[str],
    keys: Sequence[int],
    *conditions: ColumnElement[bool],
) -> list[Row]:
    columns = [table.c[name] for name in dict.fromkeys(("trajectory_key", *names))]
    query = select(*columns).where(table.c.trajectory_key.in_(keys), *conditions)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def by_owner(rows: Sequence[tuple[int, Label]]) -> defaultdict[int, set[Label]]:
    """Labels of trajectories by their keys."""
    owned: defaultdict[int, set[Label]] = defaultdict(set)
    for key, label in rows:
        owned[key].add(label)
    return owned
