"""Seeing one job through: from its dataset, over as many workers as it takes, to its final status."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.errors import UnavailableError, WhetstoneError
from whetstone.jobs import store
from whetstone.jobs.backends import Backend, find_backend
from whetstone.jobs.event import JOB_LOG, JOB_PROGRESS, draft
from whetstone.jobs.events import EventLog
from whetstone.jobs.follower import EventFollower
from whetstone.jobs.jobfile import JobFile, JobFolder
from whetstone.jobs.launchers.base import Exit, Launcher, Worker
from whetstone.jobs.launchers.placement import launcher_of
from whetstone.jobs.options import DEFAULT_MAX_TRAJECTORIES
from whetstone.jobs.outcome import ModelHook, cancelled, failed, reported_outcome
from whetstone.jobs.store import JobReader
from whetstone.settings import Settings

POLL_SECONDS = 0.15
CANCEL_GRACE_SECONDS = 3.0
_ENDING_POLL_SECONDS = 0.03
# A worker that has reported its end may still have helpers to close.
END_GRACE_SECONDS = 5.0
_DATABASE_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class _LeftError(Exception):
    """The server stops; the job goes on without it."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all supervisors share."""

    database: Database
    events: EventLog
    reader: JobReader
    datasets: DatasetStore
    launchers: Mapping[str, Launcher]
    backends: Mapping[str, Backend]
    jobs_dir: Path
    max_attempts: int
    settings: Settings
    on_model: ModelHook | None = None

    def folder(self, job_id: str) -> JobFolder:
        """Where the job's files lie."""
        return JobFolder(self.jobs_dir / job_id)

    def launcher(self, options: Mapping[str, Any]) -> Launcher:
        """What runs a job with these options; `UnavailableError` when this server does not know the place any more."""
        name = launcher_of(options)
        if name not in self.launchers:
            raise UnavailableError(
                f"The job is one for launcher '{name}', which this server is not set up for any more"
            )
        return self.launchers[name]


class Supervisor:
    """Runs one job whose status is `running`. May begin anywhere: everything it must know is in the database
    and the job's folder, so a restarted server simply runs one for each such job.
    """

    def __init__(self, workshop: Workshop, job_id: str) -> None:
        self._workshop = workshop
        self._events = workshop.events
        self._job_id = job_id
        self._folder = workshop.folder(job_id)
        self._cancelling = False
        self._leaving = False
        self._nudge = asyncio.Event()
        self._log = _log.bind(job_id=job_id)

    def request_cancel(self) -> None:
        """End the job soon; a worker gets `CANCEL_GRACE_SECONDS` to do it by itself."""
        self._cancelling = True
        self._nudge.set()

    def leave(self) -> None:
        """Return from `run` soon, and leave the worker at work."""
        self._leaving = True
        self._nudge.set()

    async def run(self) -> None:
        """Return when the job has a final status, or after `leave`."""
        with contextlib.suppress(_LeftError):
            while not await self._try_to_see_through():
                await self._pause(_DATABASE_RETRY_SECONDS)

    async def _try_to_see_through(self) -> bool:
        """Whether there is nothing left to do."""
        try:
            await self._see_through()
        except DBAPIError as error:
            self._log.warning("the database is out of reach; trying again", error=str(error.orig))
            return False
        except store.EventsTakenError as error:
            self._log.warning("another process sees to this job", error=error.message)
        except WhetstoneError as error:
            await self._give_up(error.message)
        except _LeftError:
            raise
        except Exception as error:
            # Whatever it was, the job must not stay `running` for ever.
            self._log.exception("a job failed outside its worker")
            await self._give_up(f"The server could not run the job: {type(error).__name__}")
        return True

    async def _see_through(self) -> None:
        row = await self._workshop.reader.row(self._job_id)
        self._cancelling |= row["cancel_requested"]
        attempt = row["attempt"]
        follower = EventFollower(self._events, self._folder.events, row)
        dataset_id = row["dataset_id"] or await self._build_dataset(row["options"])
        if dataset_id is None:
            return await self._conclude(follower, Exit())
        launcher = self._workshop.launcher(row["options"])
        worker = launcher.attach(self._folder.path, row["process"]) if attempt else None
        while True:
            if worker is not None:
                ended = await self._watch(worker, follower)
                await worker.kill()  # what it left behind
                if follower.final is not None or self._cancelling:
                    return await self._conclude(follower, ended)
                if attempt >= self._workshop.max_attempts:
                    return await self._fail(f"{_reason(ended)}, in attempt {attempt} of {attempt}", ended)
                await self._announce_retry(ended, attempt)
            elif self._cancelling:
                return await self._conclude(follower, Exit())
            attempt += 1
            worker = await self._launch(row, dataset_id, attempt)

    async def _build_dataset(self, options: Mapping[str, Any]) -> str | None:
        """Id of a fresh dataset; None when the job was cancelled meanwhile."""
        wanted = BuildOptions.parse({"limit": options.get("maxTrajectories", DEFAULT_MAX_TRAJECTORIES)})
        building = asyncio.ensure_future(self._workshop.datasets.build(wanted))
        building.add_done_callback(lambda _: self._nudge.set())
        try:
            while not building.done():
                if self._cancelling:
                    return None
                await self._pause(POLL_SECONDS)
            record = await building
        finally:
            building.cancel()
        if record["status"] != "ready":
            raise UnavailableError(f"The dataset could not be built: {record['error']}")
        dataset_id: str = record["id"]
        async with self._events.transaction() as connection:
            await store.set_columns(connection, self._job_id, dataset_id=dataset_id)
            event = draft(
                JOB_PROGRESS, "Starting", job_id=self._job_id, dataset_id=dataset_id, phase="starting"
            )
            await self._events.append([event], connection)
        return dataset_id

    async def _launch(self, row: Mapping[str, Any], dataset_id: str, attempt: int) -> Worker:
        """A new attempt; or the worker that a server started which was killed before it could note it."""
        launcher = self._workshop.launcher(row["options"])
        found = launcher.attach(self._folder.path, None)
        if found is not None and await found.poll() is None:
            await self._note(process=dict(found.identity))
            return found
        backend = find_backend(row["backend"], self._workshop.backends, self._workshop.settings)
        order = JobFile(
            id=self._job_id,
            attempt=attempt,
            max_attempts=self._workshop.max_attempts,
            backend=row["backend"],
            entry=backend.entry,
            options=row["options"],
            dataset_id=dataset_id,
            dataset_dir=self._workshop.datasets.directory(dataset_id),
            job_dir=self._folder.path,
            trains_weights=backend.trains_weights,
        )
        # Counted before it starts, so that a job that takes the server down with it cannot do so for ever.
        await self._note(attempt=attempt, process=None)
        await asyncio.to_thread(order.write)
        environment = {} if backend.environment is None else backend.environment(self._workshop.settings)
        worker = await launcher.launch(self._folder.path, environment)
        await self._note(process=dict(worker.identity))
        self._log.info("a worker started", attempt=attempt, **worker.identity)
        return worker

    async def _note(self, **columns: Any) -> None:
        async with self._workshop.database.write() as connection:
            await store.set_columns(connection, self._job_id, **columns)

    async def _watch(self, worker: Worker, follower: EventFollower) -> Exit:
        """Follow the worker until it has ended and everything it wrote is in the log, but for the final line."""
        kill_at: float | None = None
        while True:
            ended = await worker.poll()  # before reading: what it wrote before its end is then all there
            await follower.advance()
            if ended is not None:
                return ended
            if kill_at is not None and time.monotonic() >= kill_at:
                await worker.kill()
            elif kill_at is None and self._cancelling:
                self._folder.cancel.touch()
                await worker.terminate()
                kill_at = time.monotonic() + CANCEL_GRACE_SECONDS
            elif kill_at is None and follower.final is not None:
                kill_at = time.monotonic() + END_GRACE_SECONDS
            await self._pause(POLL_SECONDS if kill_at is None else _ENDING_POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not through a request; raises `_LeftError` when the request is to leave."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()
        if self._leaving:
            raise _LeftError

    async def _conclude(self, follower: EventFollower, ended: Exit) -> None:
        """Store what the worker said at its end; without a word, the job was cancelled."""
        final = follower.final
        outcome = await (cancelled(self._folder) if final is None else reported_outcome(final, self._folder))
        hook = self._workshop.on_model
        await outcome.store(self._events, self._job_id, ended, follower.offsets, hook)
        self._log.info("a job ended", status=outcome.status)

    async def _give_up(self, message: str) -> None:
        row = await self._workshop.reader.row(self._job_id)
        with contextlib.suppress(UnavailableError):  # of a place that this server knows no more
            worker = self._workshop.launcher(row["options"]).attach(self._folder.path, row["process"])
            if worker is not None:
                await worker.kill()
        await self._fail(message, Exit())

    async def _fail(self, message: str, ended: Exit) -> None:
        outcome = await failed(message, self._folder)
        await outcome.store(self._events, self._job_id, ended)
        self._log.warning("a job failed", reason=message)

    async def _announce_retry(self, ended: Exit, attempt: int) -> None:
        message = f"{_reason(ended)}; starting attempt {attempt + 1} of {self._workshop.max_attempts}"
        async with self._events.transaction() as connection:
            await store.set_columns(
                connection, self._job_id, phase="resuming", exit_code=ended.code, signal=ended.signal
            )
            resuming = draft(JOB_PROGRESS, "Resuming the job", job_id=self._job_id, phase="resuming")
            await self._events.append([draft(JOB_LOG, message, job_id=self._job_id), resuming], connection)
        self._log.warning("a worker ended without an outcome", exit_code=ended.code, signal=ended.signal)
        await self._pause(0.5 * attempt)


def _reason(ended: Exit) -> str:
    if ended.reason is not None:
        return ended.reason
    if ended.signal == "SIGKILL":
        return "The worker was killed (SIGKILL), perhaps because the system ran out of memory"
    if ended.signal is not None:
        return f"The worker was ended by {ended.signal}"
    if ended.code is not None:
        return f"The worker ended with exit status {ended.code} before it had a result"
    return "The worker ended before it had a result"
