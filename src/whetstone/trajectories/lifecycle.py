"""Trajectories that end without their agent: deleted on request, or timed out."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import case, delete, select, update

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.trajectories.conditions import texts
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectories, trajectory_events


async def delete_some(database: Database, ids: Collection[str]) -> int:
    """Delete the trajectories with these ids and everything below them; the number that existed."""
    wanted = select(trajectories.c.key).where(trajectories.c.id.in_(texts(database.dialect, ids)))
    async with database.write() as connection:
        # Locked in the order of all writers, so that a deletion and an ingest do not wait for each other.
        keys = (
            (await connection.execute(wanted.order_by(trajectories.c.id).with_for_update())).scalars().all()
        )
        if keys:
            await connection.execute(
                delete(trajectories).where(trajectories.c.id.in_(texts(database.dialect, ids)))
            )
    return len(keys)


async def delete_all(database: Database) -> int:
    """Delete every trajectory; the number that existed."""
    async with database.write() as connection:
        # Children first, each table as a whole: much cheaper than one cascade a trajectory.
        for table in (trajectory_events, llm_calls, provider_accesses, steps):
            await connection.execute(delete(table))
        result = await connection.execute(delete(trajectories))
    return result.rowcount


async def expire(database: Database, minutes: float) -> int:
    """Time out the active trajectories without news for `minutes`; they end at their last news."""
    table = trajectories.c
    now = now_ms()
    statement = (
        update(trajectories)
        .where(table.status == "active", table.updated_at < now - int(minutes * 60_000))
        .values(
            status="timeout",
            end_time=table.updated_at,
            duration_ms=case(
                (table.updated_at > table.start_time, table.updated_at - table.start_time), else_=0
            ),
            updated_at=now,
        )
    )
    async with database.write() as connection:
        return (await connection.execute(statement)).rowcount
