"""The two doors of the database, and migrations that match the tables on both engines."""

from __future__ import annotations

import asyncio
import gc

import anyio
import pytest
from alembic import command
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from whetstone.db import Database, trouble
from whetstone.db.migrate import alembic_config
from whetstone.trajectories.tables import trajectory_settings


async def test_migrations_create_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.check(alembic_config(sync)))


async def test_read_connection_refuses_to_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        async with database.read() as connection:
            await connection.execute(insert(trajectory_settings).values(name="x", value=True))


async def test_failed_write_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        async with database.write() as connection:
            await connection.execute(insert(trajectory_settings).values(name="x", value=True))
            raise RuntimeError("boom")
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(trajectory_settings)) == 0


async def test_concurrent_writers_all_commit(database: Database) -> None:
    async def write(index: int) -> None:
        async with database.write() as connection:
            count = await connection.scalar(select(func.count()).select_from(trajectory_settings))
            await connection.execute(
                insert(trajectory_settings).values(name=str(index), value={"seen": count})
            )

    await asyncio.gather(*(write(index) for index in range(30)))
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(trajectory_settings)) == 30


@pytest.mark.parametrize("value", [0, -7, 2**53 + 1, 1.5, 1e300, True, "12", "", [1], {"a": None}])
async def test_json_columns_give_back_any_value(database: Database, value: object) -> None:
    async with database.write() as connection:
        await connection.execute(insert(trajectory_settings).values(name="x", value=value))
    async with database.read() as connection:
        assert await connection.scalar(select(trajectory_settings.c.value)) == value


async def test_readers_whose_client_leaves_cost_no_connection(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def read() -> None:
        async with database.read() as connection:
            for _ in range(200):
                await connection.execute(select(func.count()).select_from(trajectory_settings))

    for _ in range(20):
        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await anyio.sleep(0.005)
            group.cancel_scope.cancel()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_server_that_is_away_is_told_from_a_faulty_query(database: Database) -> None:
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(OSError) as refused:  # noqa: PT011 - its text is the driver's
        await away.ping()
    assert trouble(refused.value) == "its server does not answer"
    with pytest.raises(DBAPIError) as faulty:
        async with database.read() as connection:
            await connection.execute(text("SELECT nonsense"))
    if database.dialect == "postgresql":
        assert trouble(faulty.value) is None
