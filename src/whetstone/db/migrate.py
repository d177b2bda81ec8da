"""Bringing the schema up to date with Alembic, one chain of migrations for both dialects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine


def migrations_folder() -> Path:
    """Where the migrations lie: inside an installed wheel, or at the top of a source checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "alembic"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; with `connection`, migrations run on it."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def is_current(connection: Connection) -> bool:
    """Whether the schema is that of this version."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


async def upgrade(engine: AsyncEngine) -> None:
    """Run all outstanding migrations, in one transaction."""
    async with engine.connect() as connection:
        connection = await connection.execution_options(whetstone_write=True)
        async with connection.begin():
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
