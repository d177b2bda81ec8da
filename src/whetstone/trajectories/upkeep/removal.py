"""Taking trajectories out of the database, with all that belongs to them and all that is counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.db.engine import Dialect
from whetstone.db.lists import among
from whetstone.trajectories.ingest.counters import TOKENS, Deltas
from whetstone.trajectories.search.queue import queue_for_search
from whetstone.trajectories.tables import (
    llm_calls,
    provider_accesses,
    scores,
    shared_texts,
    steps,
    trajectories,
    trajectory_events,
    trajectory_labels,
)

# Each row's owner comes after it.
_PARTS = (provider_accesses, trajectory_events, scores, trajectory_labels, steps)
_REFERENCES = (llm_calls.c.system_prompt_key, llm_calls.c.tools_key)


async def remove(connection: AsyncConnection, database: Database, headers: Sequence[dict[str, Any]]) -> None:
    """Delete the trajectories with these `headers` (`key` and `counters.COLUMNS`), which the caller has locked.

    Their parts, labels, scores and shares of the counters go with them, and texts that no call needs any more.
    """
    if not headers:
        return
    keys = [header["key"] for header in headers]
    deltas = Deltas()
    for header in headers:
        deltas.header(header, None)
    shared: set[int | None] = set()
    # One statement deletes the calls and tells what they had: their wide rows are touched once.
    gone_calls = delete(llm_calls).where(among(database.dialect, llm_calls.c.trajectory_key, keys))
    columns = (llm_calls.c.model, *(llm_calls.c[name] for name in TOKENS), *_REFERENCES)
    for row in (await connection.execute(gone_calls.returning(*columns))).mappings():
        deltas.model(row["model"], 1, row, -1)
        shared |= {row["system_prompt_key"], row["tools_key"]}
    for table in _PARTS:
        await connection.execute(delete(table).where(among(database.dialect, table.c.trajectory_key, keys)))
    gone = await connection.execute(
        delete(trajectories).where(among(database.dialect, trajectories.c.key, keys))
    )
    if gone.rowcount != len(keys):
        msg = f"{gone.rowcount} trajectories went instead of {len(keys)}"
        raise RuntimeError(msg)
    await _drop_unshared(connection, database.dialect, sorted(key for key in shared if key is not None))
    await queue_for_search(connection, keys, now_ms())
    await deltas.write(connection, database)


async def _drop_unshared(connection: AsyncConnection, dialect: Dialect, keys: Sequence[int]) -> None:
    if not keys:
        return
    text = shared_texts.c
    # PostgreSQL: a text that a writer is about to use is locked by it, and stays.
    free = select(text.key).where(among(dialect, text.key, keys)).order_by(text.digest)
    locked = (await connection.execute(free.with_for_update(skip_locked=True))).scalars().all()
    unused = [~exists().where(column == text.key) for column in _REFERENCES]
    await connection.execute(delete(shared_texts).where(among(dialect, text.key, locked), *unused))
