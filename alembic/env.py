"""Alembic's entry: runs on the connection that the service hands over, else on the configured database."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

import whetstone.datasets.tables
import whetstone.jobs.tables
import whetstone.registry.tables
import whetstone.trajectories.tables  # noqa: F401  (each import registers its room's tables)
from whetstone.db import metadata
from whetstone.settings import Settings


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_configured_database() -> None:
    engine = create_async_engine(Settings().sqlalchemy_url())
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_on_configured_database())
