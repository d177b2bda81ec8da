"""The first half of a write: locking the trajectories that a request touches, and reading their touched parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Table,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.bulk import slices
from whetstone.db.engine import Dialect
from whetstone.db.lists import text_set
from whetstone.trajectories.ingest.changes import Change
from whetstone.trajectories.ingest.draft import Draft, StepDraft
from whetstone.trajectories.ingest.labels import Classify
from whetstone.trajectories.ingest.scores import load_books
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events

_PAIRS = 2_000  # (trajectory, id) pairs a query


async def load(
    connection: AsyncConnection,
    dialect: Dialect,
    arrivals: Iterable[tuple[int, Sequence[Change]]],
    classify: Classify,
) -> dict[str, Draft]:
    """A draft of each trajectory that the changes of some requests name, by id, with the time of their arrival.

    Rows that exist stay locked until the transaction ends.
    """
    moments: dict[str, int] = {}
    changes: list[Change] = []
    for now, described in arrivals:
        changes += described
        for change in described:
            moments.setdefault(change.trajectory_id, now)
    # One order of locking for all writers, so that two of them rarely wait for each other.
    query = select(trajectories).where(trajectories.c.id.in_(text_set(dialect, moments)))
    rows = (await connection.execute(query.order_by(trajectories.c.id).with_for_update())).mappings()
    stored = {row["id"]: dict(row) for row in rows}
    drafts = {
        identifier: Draft.of(header.pop("key"), header, classify)
        if (header := stored.get(identifier)) is not None
        else Draft.new(identifier, now, classify)
        for identifier, now in moments.items()
    }
    if stored:
        by_key = {draft.key: draft for draft in drafts.values() if draft.key is not None}
        touched = [change for change in changes if change.trajectory_id in stored]
        await _load_items(connection, drafts, by_key, touched)
        await _load_steps(connection, drafts, by_key, touched)
        await _load_events(connection, drafts, by_key, touched)
        await _load_scores(connection, drafts, by_key, touched)
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


async def _load_scores(
    connection: AsyncConnection, drafts: dict[str, Draft], by_key: dict[int, Draft], changes: Sequence[Change]
) -> None:
    keys = {identifier: draft.key for identifier, draft in drafts.items() if draft.key is not None}
    wanted = {(keys[change.trajectory_id], score.id) for change in changes for score in change.scores}
    await load_books(connection, {key: draft.scores for key, draft in by_key.items()}, wanted)


async def _rows(
    connection: AsyncConnection,
    table: Table,
    name: str,
    wanted: Collection[tuple[int | None, str]],
    columns: Sequence[Any] = (),
) -> list[Mapping[str, Any]]:
    """Rows of `table` whose (trajectory_key, `name`) is among `wanted`."""
    found: list[Mapping[str, Any]] = []
    if not wanted:
        return found
    query = _named(connection.dialect.name, table, name, tuple(columns or table.c))
    for part in slices(sorted(wanted), _PAIRS):
        if connection.dialect.name == "postgresql":
            values: dict[str, Any] = {"owners": [key for key, _ in part], "ids": [id_ for _, id_ in part]}
        else:
            values = {"pairs": orjson.dumps(part).decode()}
        found += (await connection.execute(query, values)).mappings()
    return found


def _named(dialect: str, table: Table, name: str, columns: Sequence[Any]) -> Select[Any]:
    """A query by (trajectory_key, `name`) whose number of parameters does not depend on how many are wanted."""
    owner: ColumnElement[Any]
    identifier: ColumnElement[Any]
    if dialect == "postgresql":
        owners = bindparam("owners", type_=ARRAY(BigInteger))
        ids = bindparam("ids", type_=ARRAY(String))
        wanted = func.unnest(owners, ids).table_valued(column("owner"), column("id")).render_derived()
        owner, identifier = wanted.c.owner, wanted.c.id
    else:
        wanted = func.json_each(bindparam("pairs")).table_valued(column("value", String))
        owner = func.json_extract(wanted.c.value, "$[0]")
        identifier = func.json_extract(wanted.c.value, "$[1]")
    matching = (table.c.trajectory_key == owner) & (table.c[name] == identifier)
    return select(*columns).select_from(wanted.join(table, matching))
