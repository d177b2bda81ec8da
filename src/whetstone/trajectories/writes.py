"""The second half of a write: a request is merged in memory and written with one statement a table."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.errors import UnavailableError
from whetstone.trajectories.changes import Change
from whetstone.trajectories.draft import Draft, StepDraft
from whetstone.trajectories.loading import load, slices
from whetstone.trajectories.logging_switch import is_on
from whetstone.trajectories.rows import Row
from whetstone.trajectories.shared_texts import share_texts
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events

_ATTEMPTS = 5
_DEADLOCK = "40P01"  # PostgreSQL: two batches that create the same trajectories in different orders
_ROWS = 200  # rows a statement: the event loop breathes between two of them


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What a request changed. `stored` is false when logging is off: then nothing was read or written."""

    stored: bool
    ids: tuple[str, ...]
    created: int = 0
    updated: int = 0
    llm_calls: int = 0
    provider_accesses: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The result with the names of the wire."""
        return {
            "stored": self.stored,
            "ids": list(self.ids),
            "created": self.created,
            "updated": self.updated,
            "llmCalls": self.llm_calls,
            "providerAccesses": self.provider_accesses,
        }


class _CollidedError(Exception):
    """Another writer was in our way; the same transaction may succeed when it is run again."""


async def ingest(database: Database, describe: Callable[[int], list[Change]]) -> IngestResult:
    """Apply the changes that `describe(now)` yields in one transaction.

    Raises ConflictError when an item's id is taken by another step, UnavailableError when other writers keep
    colliding with this one (PostgreSQL only).
    """
    now = now_ms()
    # Merging a large batch is seconds of pure Python: not on the event loop.
    changes = await asyncio.to_thread(describe, now)
    ids = tuple(dict.fromkeys(change.trajectory_id for change in changes))
    for _ in range(_ATTEMPTS):
        try:
            async with database.write() as connection:
                if not await is_on(connection):
                    return IngestResult(stored=False, ids=ids)
                drafts = await load(connection, database.dialect, changes, now)
                await asyncio.to_thread(_apply, drafts, changes, now)
                await _write(connection, database, drafts.values())
        except _CollidedError:
            continue
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
            continue
        return _result(ids, drafts.values())
    raise UnavailableError("Other writers keep changing the same trajectories; send the request again.")


def _apply(drafts: dict[str, Draft], changes: Sequence[Change], now: int) -> None:
    for change in changes:
        drafts[change.trajectory_id].apply(change, now)


def _result(ids: tuple[str, ...], drafts: Iterable[Draft]) -> IngestResult:
    written = [draft for draft in drafts if draft.changed]
    created = sum(draft.stored is None for draft in written)
    return IngestResult(
        stored=True,
        ids=ids,
        created=created,
        updated=len(written) - created,
        llm_calls=sum(len(draft.new_calls) for draft in written),
        provider_accesses=sum(len(draft.new_accesses) for draft in written),
    )


async def _write(connection: AsyncConnection, database: Database, drafts: Iterable[Draft]) -> None:
    changed = [draft for draft in drafts if draft.changed]
    await _insert_headers(connection, database, [draft for draft in changed if draft.stored is None])
    await _update(
        connection,
        trajectories,
        [
            (draft.key, draft.header, draft.stored)
            for draft in changed
            if draft.key is not None and draft.stored is not None
        ],
    )
    await _write_steps(connection, changed)
    await share_texts(connection, database, [row for draft in changed for _, row in draft.new_calls])
    for table, part in ((llm_calls, "new_calls"), (provider_accesses, "new_accesses")):
        await _insert(
            connection,
            table,
            [
                row | {"trajectory_key": draft.key, "step_key": draft.steps[step_id].key}
                for draft in changed
                for step_id, row in getattr(draft, part)
            ],
        )
    events = [row | {"trajectory_key": draft.key} for draft in changed for row in draft.new_events]
    await _insert(connection, trajectory_events, events)
    await _write_corrections(connection, changed)


async def _insert_headers(connection: AsyncConnection, database: Database, drafts: Sequence[Draft]) -> None:
    statement = database.insert(trajectories).on_conflict_do_nothing(index_elements=["id"])
    for part in slices(drafts, _ROWS):
        rows = await connection.execute(
            statement.returning(trajectories.c.id, trajectories.c.key), [draft.header for draft in part]
        )
        keys = {row.id: row.key for row in rows}
        if len(keys) < len(part):
            raise _CollidedError
        for draft in part:
            draft.key = keys[draft.header["id"]]


async def _write_steps(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    new: list[tuple[Draft, StepDraft]] = []
    changed = []
    for draft in drafts:
        for step in draft.steps.values():
            if step.key is None:
                new.append((draft, step))
            elif step.stored is not None and step.row != step.stored:
                changed.append((step.key, step.row, step.stored))
    for part in slices(new, _ROWS):
        statement = insert(steps).returning(steps.c.trajectory_key, steps.c.step_id, steps.c.key)
        rows = await connection.execute(
            statement, [step.row | {"trajectory_key": draft.key} for draft, step in part]
        )
        keys = {(row.trajectory_key, row.step_id): row.key for row in rows}
        for draft, step in part:
            step.key = keys[draft.key, step.row["step_id"]]
    await _update(connection, steps, changed)


async def _write_corrections(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    statement = (
        update(llm_calls)
        .where(
            llm_calls.c.trajectory_key == bindparam("owner"), llm_calls.c.call_id == bindparam("identifier")
        )
        .values(correction=bindparam("value"))
    )
    rows = [
        {"owner": draft.key, "identifier": call_id, "value": correction}
        for draft in drafts
        for call_id, correction in draft.corrections.items()
    ]
    for part in slices(rows, _ROWS):
        await connection.execute(statement, list(part))


async def _insert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    for part in slices(rows, _ROWS):
        await connection.execute(insert(table), list(part))


async def _update(connection: AsyncConnection, table: Table, rows: Iterable[tuple[int, Row, Row]]) -> None:
    """Write the columns in which `(key, new, stored)` differ; rows with the same columns share a statement."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for key, new, stored in rows:
        names = tuple(name for name in new if new[name] != stored[name])
        groups[names].append({"row_key": key} | {f"new_{name}": new[name] for name in names})
    for names, values in groups.items():
        if not names:  # only parts of the trajectory changed
            continue
        statement = (
            update(table)
            .where(table.c.key == bindparam("row_key"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        for part in slices(values, _ROWS):
            await connection.execute(statement, list(part))
