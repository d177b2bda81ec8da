"""Taking trajectories out of the database, with all that belongs to them and all that is counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, ColumnElement, any_, delete, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.db.engine import Dialect
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
    gone_calls = delete(llm_calls).where(among(llm_calls.c.trajectory_key, keys, database.dialect))
    columns = (llm_calls.c.model, *(llm_calls.c[name] for name in TOKENS), *_REFERENCES)
    for row in (await connection.execute(gone_calls.returning(*columns))).mappings():
        deltas.model(row["model"], 1, row, -1)
        shared |= {row["system_prompt_key"], row["tools_key"]}
    for table in _PARTS:
        await connection.execute(delete(table).where(among(table.c.trajectory_key, keys, database.dialect)))
    gone = await connection.execute(
        delete(trajectories).where(among(trajectories.c.key, keys, database.dialect))
    )
    if gone.rowcount != len(keys):
        msg = f"{gone.rowcount} trajectories went instead of {len(keys)}"
        raise RuntimeError(msg)
    await _drop_unshared(connection, database.dialect, sorted(key for key in shared if key is not None))
    await queue_for_search(connection, keys, now_ms())
    await deltas.write(connection, database)


def among(column: Column[int], keys: Sequence[int], dialect: Dialect) -> ColumnElement[bool]:
    """Whether `column` is one of `keys`; on PostgreSQL one parameter, which costs less to plan than hundreds."""
    if dialect == "postgresql":
        return column == any_(literal(list(keys), ARRAY(BigInteger)))
    return column.in_(keys)


async def _drop_unshared(connection: AsyncConnection, dialect: Dialect, keys: Sequence[int]) -> None:
    if not keys:
        return
    text = shared_texts.c
    # PostgreSQL: a text that a writer is about to use is locked by it, and stays.
    free = select(text.key).where(among(text.key, keys, dialect)).order_by(text.digest)
    locked = (await connection.execute(free.with_for_update(skip_locked=True))).scalars().all()
    unused = [~exists().where(column == text.key) for column in _REFERENCES]
    await connection.execute(delete(shared_texts).where(among(text.key, locked, dialect), *unused))
