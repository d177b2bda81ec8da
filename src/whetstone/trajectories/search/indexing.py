"""Keeping the index: making it, feeding it by hand, and forgetting what it has caught up with."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from sqlalchemy import delete, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.trajectories.search import sqlite_index
from whetstone.trajectories.search.index_state import index_state
from whetstone.trajectories.search.version import VERSION
from whetstone.trajectories.tables import search_queue, trajectories


async def prepare(database: Database, *, anew: bool = False) -> None:
    """Make an empty index with all trajectories queued, unless there is a good one (or `anew`)."""
    if database.dialect == "postgresql":
        await _make_schema(database, anew=anew)
    elif (file := database.attached_file()) is not None and (
        anew or await asyncio.to_thread(sqlite_index.version, file) != VERSION
    ):
        await _make_file(database, file)


async def index_now(database: Database) -> int:
    """Index all that waits, in this process; the number of trajectories, 0 where the database can have no index."""
    await prepare(database)
    if database.dialect == "postgresql":
        return await _run_postgresql(postgresql_url(database))
    if (file := database.attached_file()) is None:
        return 0
    return await asyncio.to_thread(_run_sqlite, Path(str(database.url.database)), file)


async def rebuild(database: Database) -> int:
    """Throw the index away and make it anew, in this process; the number of trajectories."""
    await prepare(database, anew=True)
    return await index_now(database)


async def forget(database: Database, watermark: int) -> None:
    """Delete what the index on SQLite has caught up with from the queue."""
    async with database.write() as connection:
        await connection.execute(delete(search_queue).where(search_queue.c.key <= watermark))


def postgresql_url(database: Database) -> str:
    """The URL of the database as its driver understands it."""
    query = dict(database.url.query)
    # Options of SQLAlchemy: the driver would take them for settings of the server, which refuses them.
    if (ssl := query.pop("ssl", None)) is not None:
        query["sslmode"] = ssl
    query.pop("prepared_statement_cache_size", None)
    return database.url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


async def _queue_all(connection: AsyncConnection) -> None:
    """Queue every trajectory."""
    everything = select(trajectories.c.key, literal(now_ms())).order_by(trajectories.c.key)
    await connection.execute(delete(search_queue))
    await connection.execute(insert(search_queue).from_select(["trajectory_key", "created_at"], everything))


async def _make_file(database: Database, file: Path) -> None:
    await asyncio.to_thread(sqlite_index.create, file)
    # Connections that are open still see the file of before.
    database.attach_anew()
    async with database.write() as connection:
        newest = text("SELECT seq FROM sqlite_sequence WHERE name = 'search_queue'")
        watermark = (await connection.execute(newest)).scalar_one_or_none() or 0
        await _queue_all(connection)
    await asyncio.to_thread(sqlite_index.begin, file, watermark)


async def _make_schema(database: Database, *, anew: bool) -> None:
    from whetstone.trajectories.search.postgresql_index import LOCK, SCHEMA

    if not anew:
        async with database.read() as connection:
            if await index_state(connection, database) is not None:
                return
    async with database.write() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        if not anew and await index_state(connection, database) is not None:
            return
        for statement in SCHEMA:
            await connection.execute(text(statement))
        await connection.execute(
            text(
                "INSERT INTO search.state VALUES ('version', :version), ('generation', CAST(txid_current() AS text))"
            ),
            {"version": VERSION},
        )
        await _queue_all(connection)


def _run_sqlite(main: Path, file: Path) -> int:
    total = 0
    with contextlib.closing(sqlite_index.SqliteIndexer(main, file)) as indexer:
        while done := indexer.round():
            total += done
    return total


async def _run_postgresql(url: str) -> int:
    from whetstone.trajectories.search.postgresql_index import PostgresqlIndexer

    total = 0
    async with contextlib.AsyncExitStack() as stack:
        indexer = await PostgresqlIndexer.open(url, stack)
        while (done := await indexer.round()) or await indexer.pending():
            total += done
            if not done:  # another process is at it
                await asyncio.sleep(0.05)
    return total
