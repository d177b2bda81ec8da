"""Training jobs: create, list, look at, cancel; and keeping them running across restarts of the server.

Workers outlive the server on purpose: a deployment or a crash of the server costs no job its hours. `stop()`
merely stops watching; the next `start()` re-attaches to workers that live, adopts the outcome of those that
ended meanwhile, and starts the next attempt of those that died.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import structlog
from sqlalchemy.exc import DBAPIError

from whetstone import ids
from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.errors import ConflictError, InvalidInputError, NotAvailableError
from whetstone.jobs import store
from whetstone.jobs.backends import BACKENDS, Backend, find_backend
from whetstone.jobs.event import JOB_CANCELLED, JOB_PROGRESS, draft
from whetstone.jobs.events import EventLog
from whetstone.jobs.finetune_backend import check_material
from whetstone.jobs.launchers.base import Launcher
from whetstone.jobs.launchers.choice import make_launchers
from whetstone.jobs.launchers.placement import RAY, launcher_of, place
from whetstone.jobs.metrics import job_metrics
from whetstone.jobs.options import JobOptions
from whetstone.jobs.outcome import ModelHook
from whetstone.jobs.queueing import start_order
from whetstone.jobs.records import job_record
from whetstone.jobs.states import FINISHED, JobStatus
from whetstone.jobs.store import JobReader, Row
from whetstone.jobs.supervisor import Supervisor, Workshop
from whetstone.settings import Settings
from whetstone.storable import clean_json

# Records of a list beyond this many carry no log lines; a single record always does.
JOBS_WITH_LOGS = 50
_LONGEST_CANCEL_SECONDS = 8.0
_QUEUE_RETRY_SECONDS = 5.0
_ESTIMATES_AT_ONCE = 2
Records: TypeAlias = list[dict[str, Any]]
_log = structlog.get_logger(__name__)


class JobService:
    """The jobs of this server. `backends` and `launchers` are replaceable for other places and kinds of work;
    `on_model` takes note of the models that jobs make.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        datasets: DatasetStore,
        events: EventLog,
        *,
        backends: Mapping[str, Backend] = BACKENDS,
        launchers: Mapping[str, Launcher] | None = None,
        on_model: ModelHook | None = None,
    ) -> None:
        self._database = database
        self._events = events
        self._reader = JobReader(database)
        self._datasets = datasets
        self._settings = settings
        self._max_running = settings.max_running_jobs
        self._workshop = Workshop(
            events=events,
            database=database,
            reader=self._reader,
            datasets=datasets,
            launchers=launchers or make_launchers(settings),
            backends=backends,
            jobs_dir=settings.training_dir / "jobs",
            max_attempts=settings.max_job_attempts,
            settings=settings,
            on_model=on_model,
        )
        self._training = frozenset(name for name, backend in backends.items() if backend.trains_weights)
        # Ids of running jobs that train weights.
        self._at_training: set[str] = set()
        self._estimates = asyncio.Semaphore(_ESTIMATES_AT_ONCE)
        self._running: dict[str, tuple[Supervisor, asyncio.Task[None]]] = {}
        self._queue_bell = asyncio.Event()
        self._queue_task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Take up the jobs that were running, then those that wait."""
        for row in reversed(await self._reader.rows(JobStatus.RUNNING)):
            self._supervise(row)
        self._queue_task = asyncio.ensure_future(self._serve_queue())

    async def stop(self) -> None:
        """Stop watching. Workers go on, and are found again at the next `start`."""
        self._stopping = True
        self._queue_bell.set()
        if self._queue_task is not None:
            await asyncio.wait({self._queue_task})
        for supervisor, _ in self._running.values():
            supervisor.leave()
        if tasks := {task for _, task in self._running.values()}:
            await asyncio.wait(tasks)

    async def create(self, options: JobOptions) -> dict[str, Any]:
        """Queue a job and give back its record (contract §6.7).

        Raises `InvalidInputError` for a dataset or option that is unknown, and for a backend or base model that is
        not to be had. Without a dataset, one is built as the job's first phase.
        """
        _, own = await self._check(options)
        chosen = clean_json(options.to_dict() | own)
        job_id = ids.new_id("job")
        async with self._database.write() as connection:
            await store.insert_job(
                connection,
                {
                    "id": job_id,
                    "backend": options.backend,
                    "dataset_id": options.dataset_id,
                    "options": chosen,
                },
            )
        record = await self.get(job_id)
        self._queue_bell.set()
        return record

    async def estimate(self, options: JobOptions) -> dict[str, Any]:
        """What the job would cost and could show (a dry run): no job is made, and no model called.

        Raises what `create` does, and what the job itself would fail with before its first call; also
        `InvalidInputError` without a dataset, and `NotAvailableError` for a backend that estimates nothing.
        """
        backend = await self._find(options.backend)
        if backend.estimate is None:
            raise NotAvailableError(f"Backend '{options.backend}' has no dry run")
        if options.dataset_id is None:
            raise InvalidInputError(
                "A dry run needs a dataset that is there: name it as datasetId. POST /api/training/datasets/build "
                "builds one"
            )
        _, chosen = await self._check(options)
        folder = self._datasets.directory(options.dataset_id)
        async with self._estimates:
            return await backend.estimate(chosen, options.dataset_id, folder, self._settings)

    async def list(self, status: JobStatus | None = None) -> Records:
        """Records, newest first: all, or those with a status.

        Only the newest `JOBS_WITH_LOGS` carry their log lines, for the list is polled.
        """
        return await self._records(await self._reader.rows(status))

    async def get(self, job_id: str) -> dict[str, Any]:
        """One record; `NotFoundError` when there is none."""
        return (await self._records([await self._reader.row(job_id, "Training job not found")]))[0]

    async def metrics(self, job_id: str, after: int | None = None) -> Records:
        """The figures of a job that trains weights, by step (see `job_metrics`); `NotFoundError` for no job."""
        await self._reader.row(job_id, "Training job not found")
        return await asyncio.to_thread(job_metrics, self._workshop.folder(job_id), after)

    async def cancel(self, job_id: str) -> dict[str, Any]:
        """End a job and give back its record; a finished one stays as it is.

        A running job's process group is gone when this returns: it gets three seconds to end by itself.
        """
        row = await self._reader.row(job_id)
        if row["status"] == JobStatus.PENDING and not await self._cancel_pending(job_id):
            row = await self._reader.row(job_id)  # it has started meanwhile
        if row["status"] == JobStatus.RUNNING:
            await self._cancel_running(job_id)
        return await self.get(job_id)

    async def counts(self) -> dict[JobStatus, int]:
        """How many jobs there are in each status."""
        return await self._reader.counts()

    async def _find(self, name: str) -> Backend:
        return await asyncio.to_thread(find_backend, name, self._workshop.backends, self._settings)

    async def _check(self, options: JobOptions) -> tuple[Backend, dict[str, Any]]:
        """The backend, and those options that are its own, all checked."""
        backend = await self._find(options.backend)
        placed = place(options.launcher, options.resources, self._settings)
        chosen = backend.options({**options.more, **options.to_dict()}) | placed
        if options.dataset_id is not None:
            record = await self._check_dataset(options.dataset_id)
            if backend.trains_weights:
                check_material(chosen.get("method", "sft"), record)
        if backend.check is not None and launcher_of(chosen) != RAY:  # what a cluster's nodes have, they know
            await asyncio.to_thread(backend.check, chosen, self._settings)
        return backend, chosen

    async def _check_dataset(self, dataset_id: str) -> dict[str, Any]:
        record = await self._datasets.get(dataset_id)
        if record is None:
            raise InvalidInputError(f"Dataset {dataset_id} not found")
        if record["status"] == "building":
            raise InvalidInputError(
                f"Dataset {dataset_id} is still being built; wait for its dataset_built event"
            )
        if record["status"] == "failed":
            raise InvalidInputError(f"Dataset {dataset_id} could not be built; build another one")
        return record

    async def _records(self, rows: Sequence[Row]) -> Records:
        logs = await self._reader.logs(row["id"] for row in rows[:JOBS_WITH_LOGS])
        waiting = any(row["status"] == JobStatus.PENDING for row in rows)
        free = self._settings.max_training_jobs - len(self._at_training)
        queue = start_order(await self._reader.queue(), self._training, free) if waiting else []
        position = {job_id: number for number, job_id in enumerate(queue, start=1)}
        running = [row["id"] for row in rows if row["status"] == JobStatus.RUNNING]
        news = await self._reader.news(running)
        folder = self._workshop.folder
        return [
            job_record(row, folder(key), logs.get(key, ()), position.get(key), news.get(key, {}))
            for row in rows
            for key in [row["id"]]
        ]

    async def _cancel_pending(self, job_id: str) -> bool:
        """Whether the job was still waiting, and now is cancelled."""
        try:
            async with self._events.transaction() as connection:
                await store.transition(
                    connection,
                    job_id,
                    JobStatus.CANCELLED,
                    source=JobStatus.PENDING,
                    phase=JobStatus.CANCELLED,
                )
                event = draft(JOB_CANCELLED, "Job cancelled before it started", job_id=job_id)
                await self._events.append([event], connection)
        except ConflictError:
            return False
        return True

    async def _cancel_running(self, job_id: str) -> None:
        async with self._database.write() as connection:
            await store.set_columns(connection, job_id, cancel_requested=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_CANCEL_SECONDS):
                while (await self._reader.row(job_id))["status"] not in FINISHED:
                    supervisor, task = self._running.get(job_id, (None, None))
                    if supervisor is None or task is None:
                        await asyncio.sleep(0.05)  # between leaving the queue and being watched
                        continue
                    supervisor.request_cancel()
                    await asyncio.wait({task})

    async def _serve_queue(self) -> None:
        while not self._stopping:
            self._queue_bell.clear()
            try:
                while len(self._running) < self._max_running and await self._start_next():
                    pass
            except DBAPIError as error:
                _log.warning("the database is out of reach; jobs wait", error=str(error.orig))
            # Rung by new and by ended jobs; the time-out is for the database's return.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._queue_bell.wait(), _QUEUE_RETRY_SECONDS)

    async def _start_next(self) -> bool:
        async with self._events.transaction() as connection:
            full = len(self._at_training) >= self._settings.max_training_jobs
            row = await store.next_pending(connection, without=self._training if full else ())
            if row is None:
                return False
            phase, message = "starting", "Starting"
            if row["dataset_id"] is None:
                phase, message = "building_dataset", "Building a dataset"
            await store.transition(connection, row["id"], JobStatus.RUNNING, phase=phase)
            event = draft(JOB_PROGRESS, message, job_id=row["id"], progress=0.0, phase=phase)
            await self._events.append([event], connection)
        self._supervise(row)
        return True

    def _supervise(self, row: Row) -> None:
        job_id = row["id"]
        if row["backend"] in self._training:
            self._at_training.add(job_id)
        supervisor = Supervisor(self._workshop, job_id)
        task = asyncio.ensure_future(supervisor.run())
        self._running[job_id] = (supervisor, task)
        task.add_done_callback(lambda task: self._released(job_id, task))

    def _released(self, job_id: str, task: asyncio.Task[None]) -> None:
        del self._running[job_id]
        self._at_training.discard(job_id)
        self._queue_bell.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a job is no longer watched; a restart takes it up", job_id=job_id, exc_info=error)
