"""The process of the index, started by the server when there is something to index."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.search.index_state import index_state
from whetstone.trajectories.search.indexer import CORRUPT
from whetstone.trajectories.search.indexing import forget, postgresql_url, prepare
from whetstone.trajectories.search.lag import is_waiting

_POLL_SECONDS = 0.15
_FORGET_SECONDS = 60
_STOP_SECONDS = 5
_FIRST_DELAY_SECONDS = 1
_MAX_DELAY_SECONDS = 60

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def indexing(database: Database, settings: Settings) -> AsyncIterator[None]:
    """While the block runs, a process of its own indexes what is written; it is there only when there is work."""
    supervisor = _Supervisor(database, settings)
    task = asyncio.create_task(supervisor.run(), name="search index")
    try:
        yield
    finally:
        supervisor.stopping.set()
        await task  # not cancelled: a statement in flight is left to finish


class _Supervisor:
    def __init__(self, database: Database, settings: Settings) -> None:
        self.stopping = asyncio.Event()
        self._database = database
        self._settings = settings
        self._prepared = False
        self._delay = 0.0
        # The watermark of the index, and when it was seen first.
        self._watermark, self._seen = 0, time.monotonic()

    async def run(self) -> None:
        if self._database.dialect == "sqlite" and self._database.attached_file() is None:
            return  # a database in memory is searched without an index
        while not self.stopping.is_set():
            try:
                if not self._prepared:
                    await prepare(self._database)
                    self._prepared = True
                await self._forget()
                if await is_waiting(self._database):
                    await self._index()
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                self._put_off()
                _log.warning("keeping the search index failed", exception=type(error).__name__)
            await self._pause(self._delay or _POLL_SECONDS)

    async def _index(self) -> None:
        """Run the process until it has nothing left to do."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "whetstone.trajectories.search.indexer",
            stdin=PIPE,
            stdout=DEVNULL,
            start_new_session=True,  # Ctrl+C is for the server, which then ends it
            env=self._settings.child_environment(),
        )
        started = time.monotonic()
        try:
            assert process.stdin is not None  # noqa: S101
            process.stdin.write(orjson.dumps(self._task()) + b"\n")
            while not self.stopping.is_set() and process.returncode is None:
                await self._forget()
                await self._wait_for_end(process)
        finally:
            status = await _end(process)
        if self.stopping.is_set() or status == 0:
            self._delay = 0.0
            return
        if time.monotonic() - started > _MAX_DELAY_SECONDS:
            self._delay = 0.0
        self._put_off()
        self._prepared = False
        _log.warning("the process of the search index ended by itself", status=status, again_in=self._delay)
        if status == CORRUPT:
            await prepare(self._database, anew=True)

    async def _wait_for_end(self, process: Process) -> None:
        """Return when the process has ended, or the server stops, or after a second."""
        events = [asyncio.create_task(process.wait()), asyncio.create_task(self.stopping.wait())]
        await asyncio.wait(events, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        for event in events:
            event.cancel()
        await asyncio.gather(*events, return_exceptions=True)

    def _task(self) -> dict[str, str]:
        file = self._database.attached_file()
        if file is None:
            return {"url": postgresql_url(self._database)}
        return {"main": str(self._database.url.database), "file": str(file)}

    async def _forget(self) -> None:
        """Delete the entries of the queue that were indexed a while ago.

        Not at once: a reader takes its two snapshots at different moments, and must find an entry in the queue
        that its snapshot of the index has not caught up with.
        """
        now = time.monotonic()
        if self._database.dialect == "postgresql" or now - self._seen < _FORGET_SECONDS:
            return
        known = self._watermark
        async with self._database.read() as connection:
            state = await index_state(connection, self._database)
        self._watermark, self._seen = 0 if state is None else state.watermark, now
        # After the index was made anew, what was seen before says nothing.
        if 0 < known <= self._watermark:
            await forget(self._database, known)

    def _put_off(self) -> None:
        self._delay = min(_MAX_DELAY_SECONDS, max(_FIRST_DELAY_SECONDS, 2 * self._delay))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


async def _end(process: Process) -> int:
    """Let the process end, as it does with its input; its exit status."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        return await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        return await process.wait()
