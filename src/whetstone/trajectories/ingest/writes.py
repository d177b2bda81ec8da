"""The second half of a write: what was merged in memory is written with one statement a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.bulk import insert_rows, new_keys, slices, update_rows
from whetstone.trajectories.ingest.counters import Deltas
from whetstone.trajectories.ingest.draft import Draft, StepDraft
from whetstone.trajectories.ingest.labels import write_labels
from whetstone.trajectories.ingest.rows import Row
from whetstone.trajectories.ingest.scores import write_scores
from whetstone.trajectories.ingest.shared_texts import share_texts
from whetstone.trajectories.ingest.tags import write_tags
from whetstone.trajectories.search.queue import queue_for_search
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events

_ROWS = 200  # rows a statement: the event loop breathes between two of them
# Sums that no index holds and that most appends change: written together, so that rows share statements.
_ROLLUPS = frozenset(
    {
        "step_count",
        "llm_call_count",
        "provider_access_count",
        "prompt_tokens",
        "completion_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "updated_at",
    }
)


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


async def write(connection: AsyncConnection, database: Database, drafts: Iterable[Draft], now: int) -> None:
    """Store what changed in `drafts`, with all that is derived from it, in the transaction of `connection`."""
    changed = [draft for draft in drafts if draft.changed]
    if not changed:
        return
    await _write_headers(connection, database, changed)
    await _write_steps(connection, changed)
    await share_texts(connection, database, [row for draft in changed for _, row in draft.new_calls])
    for table, part in ((llm_calls, "new_calls"), (provider_accesses, "new_accesses")):
        rows = []
        for draft in changed:
            for step_id, row in getattr(draft, part):
                row["trajectory_key"], row["step_key"] = draft.key, draft.steps[step_id].key
                rows.append(row)
        await insert_rows(connection, table, rows)
    events = [row | {"trajectory_key": draft.key} for draft in changed for row in draft.new_events]
    await insert_rows(connection, trajectory_events, events)
    await _write_corrections(connection, changed)
    await write_scores(connection, database, changed)
    await write_tags(connection, changed)
    owned = [(draft.key, draft) for draft in changed if draft.key is not None]
    await write_labels(connection, ((key, label) for key, draft in owned for label in draft.labels))
    await queue_for_search(connection, [key for key, _ in owned], now)
    await _count(connection, database, changed)


async def _write_headers(connection: AsyncConnection, database: Database, drafts: Sequence[Draft]) -> None:
    new = [draft for draft in drafts if draft.stored is None]
    for draft, key in zip(new, await new_keys(connection, trajectories, len(new)), strict=True):
        draft.key = key
    rows = [{"key": draft.key, **draft.header} for draft in new]
    if database.dialect == "postgresql":
        rows.sort(key=lambda row: str(row["id"]))  # one order of locking for all writers
    await insert_rows(connection, trajectories, rows)
    known = [
        (draft.key, draft.header, draft.stored)
        for draft in drafts
        if draft.key is not None and draft.stored is not None
    ]
    await _update(connection, trajectories, known, _ROLLUPS)


async def _write_steps(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    new: list[tuple[Draft, StepDraft]] = []
    changed = []
    for draft in drafts:
        for step in draft.steps.values():
            if step.key is None:
                new.append((draft, step))
            elif step.stored is not None and step.row != step.stored:
                changed.append((step.key, step.row, step.stored))
    rows = []
    for (draft, step), key in zip(new, await new_keys(connection, steps, len(new)), strict=True):
        step.key = key
        rows.append({"key": key, "trajectory_key": draft.key, **step.row})
    await insert_rows(connection, steps, rows)
    await _update(connection, steps, changed)


async def _write_corrections(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    rows = [
        {"owner": draft.key, "identifier": call_id, "value": correction}
        for draft in drafts
        for call_id, correction in draft.corrections.items()
    ]
    for part in slices(rows, _ROWS):
        await connection.execute(_CORRECT, list(part))


_CORRECT = (
    update(llm_calls)
    .where(llm_calls.c.trajectory_key == bindparam("owner"), llm_calls.c.call_id == bindparam("identifier"))
    .values(correction=bindparam("value"))
)


async def _count(connection: AsyncConnection, database: Database, drafts: Iterable[Draft]) -> None:
    deltas = Deltas()
    for draft in drafts:
        deltas.header(draft.stored, draft.header)
        deltas.calls(row for _, row in draft.new_calls)
    await deltas.write(connection, database)


async def _update(
    connection: AsyncConnection,
    table: Table,
    rows: Iterable[tuple[int, Row, Row]],
    together: frozenset[str] = frozenset(),
) -> None:
    """Write the columns in which `(key, new, stored)` differ; rows with the same columns share a statement.

    Where one of the columns `together` differs, all of them are written.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for key, new, stored in rows:
        names = {name for name in new if new[name] != stored[name]}
        if names & together:
            names |= together
        groups[tuple(sorted(names))].append({**new, "key": key})
    for names_, values in groups.items():
        if names_:  # else only parts of the trajectory changed
            await update_rows(connection, table, names_, values)
