"""One database behind two doors: `read()` cannot write, `write()` commits whole or not at all.

SQLite gets one writer at a time (an asyncio lock and `BEGIN IMMEDIATE`) and WAL readers beside it;
PostgreSQL gets a pool. Pragmas follow SQLite's documentation (https://www.sqlite.org/pragma.html).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

import anyio
import orjson
from sqlalchemy import Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from whetstone.db.migrate import upgrade

Dialect = Literal["sqlite", "postgresql"]

# Applied to each SQLite connection.
_SQLITE_PRAGMAS = (
    # 16 KiB pages: prompts are long rows; measured 2.5 times faster inserts than 4 KiB. Must precede the first table.
    "PRAGMA page_size = 16384",
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # what was acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",  # another process may hold the write lock
    "PRAGMA cache_size = -16384",  # 16 MiB
    "PRAGMA temp_store = MEMORY",
)

# Of each PostgreSQL session.
_POSTGRESQL_SETTINGS = {
    # Disks without moving parts: counting by an index that has all columns beats scanning wide rows.
    "random_page_cost": "1.1",
    "jit": "off",  # compiling takes longer than these queries
}


class Database:
    """Transactions on the service's database.

    `url` is a SQLAlchemy URL with an async driver (`sqlite+aiosqlite` or `postgresql+asyncpg`). Derived data lie
    in schemas of their own: on SQLite the schema `attached` is a file beside the main one, which no connection
    here can write; whoever derives the data opens it by itself.
    """

    def __init__(self, url: str, *, attached: str = "search") -> None:
        self.url = make_url(url)
        self._attached = attached
        self._generation = 0  # of the attached file
        self.dialect = cast("Dialect", self.url.get_backend_name())
        self._write_lock = asyncio.Lock()
        self._engine = self._create_engine()

    def _create_engine(self) -> AsyncEngine:
        options: dict[str, Any] = {
            "json_serializer": _to_json,
            "json_deserializer": _from_json,
            "hide_parameters": True,  # the text of an error must not repeat prompts
        }
        if self.dialect == "postgresql":
            options["connect_args"] = {"server_settings": _POSTGRESQL_SETTINGS}
            return create_async_engine(self.url, pool_pre_ping=True, pool_size=10, max_overflow=20, **options)
        options["connect_args"] = {"uri": True}  # so that ATTACH understands `?mode=ro`
        engine = create_async_engine(self.url, pool_size=8, max_overflow=16, **options)

        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, record: Any) -> None:
            record.info["generation"] = self._generation
            # The driver must not open transactions by itself: `begin` below decides their kind.
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in _SQLITE_PRAGMAS:
                cursor.execute(pragma)
            self._attach(cursor)
            cursor.close()

        @event.listens_for(engine.sync_engine, "checkout")
        def renew(connection: Any, record: Any, _proxy: Any) -> None:
            if record.info["generation"] != self._generation:
                record.info["generation"] = self._generation
                cursor = connection.cursor()
                cursor.execute(f"DETACH DATABASE {self._attached}")
                self._attach(cursor)
                cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            write = connection.get_execution_options().get("whetstone_write", False)
            connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
            # IMMEDIATE takes the write lock at once: a later upgrade from read to write could not wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def attached_file(self) -> Path | None:
        """The file of the attached schema; None where there is none: PostgreSQL, a database in memory."""
        name = self.url.database
        if self.dialect != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
            return None
        return Path(name).with_suffix(f".{self._attached}.db")

    def _attach(self, cursor: Any) -> None:
        file = self.attached_file()
        if file is None:
            return
        try:
            file.touch(mode=0o600)
            # Read-only: a BEGIN IMMEDIATE would lock a writable file too.
            location = f"file:{quote(str(file.absolute()))}?mode=ro"
            cursor.execute(f"ATTACH DATABASE ? AS {self._attached}", (location,))
        except (sqlite3.Error, OSError):
            # Whoever derives the data notices that the schema is empty, and makes the file anew.
            cursor.execute(f"ATTACH DATABASE ':memory:' AS {self._attached}")

    def attach_anew(self) -> None:
        """Let transactions that begin from now on see the attached file that is there now."""
        self._generation += 1

    async def open(self) -> None:
        """Create the folder of a file database and bring the schema up to date."""
        if self.dialect == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        await upgrade(self._engine)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def ping(self) -> None:
        """Return when the database has answered a query; raises what the driver raises when it does not."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent snapshot that refuses writes. Reading ends before a cancel scope around it does."""
        # The task of a client that leaves is cancelled at each await: a query broken off so costs its connection.
        with anyio.CancelScope(shield=True):
            async with self._engine.connect() as connection:
                if self.dialect == "postgresql":
                    connection = await connection.execution_options(
                        postgresql_readonly=True, isolation_level="REPEATABLE READ"
                    )
                transaction = await connection.begin()
                try:
                    yield connection
                finally:
                    # Not a commit, which fails when the attached file turns out to be damaged.
                    await transaction.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        if self.dialect == "postgresql":
            async with self._engine.begin() as connection:
                yield connection
            return
        async with self._write_lock, self._engine.connect() as connection:
            connection = await connection.execution_options(whetstone_write=True)
            async with connection.begin():
                yield connection

    async def maintain(self, *statements: str) -> None:
        """Run statements that no transaction may surround, such as `VACUUM`."""
        if self.dialect == "postgresql":
            async with self._engine.connect() as connection:
                connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
                for statement in statements:
                    await connection.exec_driver_sql(statement)
            return
        async with self._write_lock, self._engine.connect() as connection:
            # Past SQLAlchemy, which would begin a transaction.
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None  # noqa: S101 - it was just connected
            for statement in ("PRAGMA query_only = OFF", *statements):
                await raw.execute_fetchall(statement)

    async def compact(self) -> None:
        """Give the space of deleted rows back and renew the statistics."""
        if self.dialect == "postgresql":
            await self.maintain("VACUUM (ANALYZE)")
        else:
            await self.maintain("VACUUM main", "ANALYZE main", "PRAGMA main.wal_checkpoint(TRUNCATE)")

    async def refresh_statistics(self) -> None:
        """Tell the query planner how large the tables have become, by samples: milliseconds on any size.

        PostgreSQL does that by itself.
        """
        if self.dialect == "sqlite":
            await self.maintain("PRAGMA analysis_limit = 1000", "ANALYZE main")

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An `INSERT` that knows `on_conflict_do_nothing` and `on_conflict_do_update` on both dialects."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)


def _to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _from_json(value: Any) -> Any:
    # SQLite gives a JSON column numeric affinity: the text of a lone number comes back as that number.
    return value if isinstance(value, int | float) else orjson.loads(value)
