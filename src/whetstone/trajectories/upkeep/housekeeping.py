"""What happens to trajectories by the clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from whetstone.trajectories.store import TrajectoryStore

_EXPIRE_SECONDS = 60
_RETENTION_SECONDS = 3600
_STATISTICS_SECONDS = 300
_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def housekeeping(trajectories: TrajectoryStore) -> AsyncIterator[None]:
    """While the block runs, trajectories that nobody ended become `timeout`, and those past retention go."""
    stop = asyncio.Event()
    chores = (
        _repeat(stop, _EXPIRE_SECONDS, "trajectories timed out", trajectories.expire_active),
        _repeat(
            stop, _RETENTION_SECONDS, "trajectories past retention deleted", _retention(trajectories, stop)
        ),
        _repeat(stop, _STATISTICS_SECONDS, "statistics renewed", trajectories.renew_statistics),
    )
    tasks = [asyncio.create_task(chore, name="housekeeping") for chore in chores]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)  # not cancelled: a statement in flight is left to finish


async def _repeat(
    stop: asyncio.Event, seconds: float, done: str, chore: Callable[[], Awaitable[int]]
) -> None:
    """Run `chore` now and every `seconds`; it answers how many trajectories it worked on."""
    while not stop.is_set():
        try:
            count = await chore()
            if count:
                _log.info(done, trajectories=count)
        except Exception as error:
            # Whatever it was, the next round may succeed; the other chores must go on.
            _log.warning("housekeeping failed", chore=done, exception=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


def _retention(trajectories: TrajectoryStore, stop: asyncio.Event) -> Callable[[], Awaitable[int]]:
    """Deleting all that is too old, some at a time, so that the service can stop between."""

    async def chore() -> int:
        deleted = 0
        while not stop.is_set() and (some := await trajectories.delete_old()):
            deleted += some
        return deleted

    return chore
