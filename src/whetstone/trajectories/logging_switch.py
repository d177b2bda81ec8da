"""The persisted switch that says whether trajectories are stored."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.trajectories.tables import trajectory_settings

_NAME = "logging_enabled"


async def is_on(connection: AsyncConnection) -> bool:
    """The stored position; on until somebody switched it off."""
    query = select(trajectory_settings.c.value).where(trajectory_settings.c.name == _NAME)
    return (await connection.execute(query)).scalar_one_or_none() is not False


async def switch(database: Database, enabled: bool) -> None:
    """Store the position."""
    statement = database.insert(trajectory_settings).values(name=_NAME, value=enabled)
    statement = statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": statement.excluded.value}
    )
    async with database.write() as connection:
        await connection.execute(statement)
