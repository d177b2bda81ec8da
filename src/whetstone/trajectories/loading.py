"""The first half of a write: locking the trajectories that a request touches, and reading their touched parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.engine import Dialect
from whetstone.trajectories.changes import Change
from whetstone.trajectories.conditions import texts
from whetstone.trajectories.draft import Draft, StepDraft
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events

T = TypeVar("T")

_PAIRS = 500  # (trajectory, id) pairs a query: two parameters each, far below either engine's limit


async def load(
    connection: AsyncConnection, dialect: Dialect, changes: Sequence[Change], now: int
) -> dict[str, Draft]:
    """A draft of each changed trajectory, by id; rows that exist stay locked until the transaction ends."""
    ids = list(dict.fromkeys(change.trajectory_id for change in changes))
    # One order of locking for all writers, so that two of them rarely wait for each other.
    query = select(trajectories).where(trajectories.c.id.in_(texts(dialect, ids)))
    rows = (await connection.execute(query.order_by(trajectories.c.id).with_for_update())).mappings()
    stored = {row["id"]: dict(row) for row in rows}
    drafts = {}
    for identifier in ids:
        header = stored.get(identifier)
        drafts[identifier] = (
            Draft.new(identifier, now) if header is None else Draft.of(header.pop("key"), header)
        )
    if stored:
        by_key = {draft.key: draft for draft in drafts.values() if draft.key is not None}
        touched = [change for change in changes if change.trajectory_id in stored]
        await _load_items(connection, drafts, by_key, touched)
        await _load_steps(connection, drafts, by_key, touched)
        await _load_events(connection, drafts, by_key, touched)
    return drafts


async def _load_steps(
    connection: AsyncConnection, drafts: dict[str, Draft], by_key: dict[int, Draft], changes: Sequence[Change]
) -> None:
    wanted = {
        (drafts[change.trajectory_id].key, step_id) for change in changes for step_id in change.step_ids()
    }
    for row in await _rows(connection, steps, "step_id", wanted):
        content = {name: row[name] for name in row if name not in {"key", "trajectory_key"}}
        by_key[row["trajectory_key"]].steps[row["step_id"]] = StepDraft(
            dict(content), key=row["key"], stored=content
        )


async def _load_items(
    connection: AsyncConnection, drafts: dict[str, Draft], by_key: dict[int, Draft], changes: Sequence[Change]
) -> None:
    calls, accesses = set(), set()
    for change in changes:
        key = drafts[change.trajectory_id].key
        calls |= {(key, call.id) for call in change.calls}
        accesses |= {(key, access.id) for access in change.accesses}
        if change.annotation is not None:
            calls |= {(key, call_id) for call_id in change.annotation.by_call()}
    owner = select(steps.c.step_id).where(steps.c.key == llm_calls.c.step_key).scalar_subquery()
    columns = (
        llm_calls.c.trajectory_key,
        llm_calls.c.call_id,
        llm_calls.c.correction,
        owner.label("step_id"),
    )
    for row in await _rows(connection, llm_calls, "call_id", calls, columns):
        draft = by_key[row["trajectory_key"]]
        draft.calls[row["call_id"]] = row["step_id"]
        draft.corrected[row["call_id"]] = row["correction"]
    owner = select(steps.c.step_id).where(steps.c.key == provider_accesses.c.step_key).scalar_subquery()
    named = (provider_accesses.c.trajectory_key, provider_accesses.c.access_id, owner.label("step_id"))
    for row in await _rows(connection, provider_accesses, "access_id", accesses, named):
        by_key[row["trajectory_key"]].accesses[row["access_id"]] = row["step_id"]


async def _load_events(
    connection: AsyncConnection, drafts: dict[str, Draft], by_key: dict[int, Draft], changes: Sequence[Change]
) -> None:
    wanted = {
        (drafts[change.trajectory_id].key, event.event_id) for change in changes for event in change.events
    }
    named = tuple(trajectory_events.c[name] for name in ("trajectory_key", "category", "event_id"))
    for row in await _rows(connection, trajectory_events, "event_id", wanted, named):
        by_key[row["trajectory_key"]].events.add((row["category"], row["event_id"]))


async def _rows(
    connection: AsyncConnection,
    table: Table,
    name: str,
    wanted: Collection[tuple[int | None, str]],
    columns: Sequence[Any] = (),
) -> list[dict[str, Any]]:
    """Rows of `table` whose (trajectory_key, `name`) is among `wanted`."""
    found: list[dict[str, Any]] = []
    for part in slices(sorted(wanted), _PAIRS):
        query = select(*(columns or (table,))).where(tuple_(table.c.trajectory_key, table.c[name]).in_(part))
        found += [dict(row) for row in (await connection.execute(query)).mappings()]
    return found


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
