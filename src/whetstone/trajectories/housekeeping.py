"""What happens to trajectories by the clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from sqlalchemy.exc import SQLAlchemyError

from whetstone.trajectories.store import TrajectoryStore

_EXPIRE_SECONDS = 60
_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def housekeeping(trajectories: TrajectoryStore) -> AsyncIterator[None]:
    """While the block runs, trajectories that nobody ended become `timeout`, from the start on."""
    stop = asyncio.Event()
    task = asyncio.create_task(_expire(trajectories, stop), name="expire trajectories")
    try:
        yield
    finally:
        stop.set()
        await task  # not cancelled: a statement in flight is left to finish


async def _expire(trajectories: TrajectoryStore, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            expired = await trajectories.expire_active()
            if expired:
                _log.info("trajectories timed out", count=expired)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("expiring trajectories failed", exception=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _EXPIRE_SECONDS)
