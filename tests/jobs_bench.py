"""Job services on one database and one state folder, as tests and the server process of a test use them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import orjson
import psutil
from sqlalchemy import insert, select

import scripted_backend
from whetstone.clock import now_ms
from whetstone.datasets.store import DatasetStore
from whetstone.datasets.tables import datasets
from whetstone.db import Database
from whetstone.jobs.backends import BACKENDS, Backend
from whetstone.jobs.event import Event
from whetstone.jobs.events import EventLog
from whetstone.jobs.finetune_backend import finetuning_environment
from whetstone.jobs.options import JobOptions
from whetstone.jobs.service import JobService
from whetstone.jobs.tables import jobs
from whetstone.registry.store import ModelStore
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore

DATASET = "dataset-1760000000000-1a2b3c4d"
FINAL = ("completed", "failed", "cancelled")


MakeBench: TypeAlias = "Callable[..., Awaitable[Bench]]"


class PausableTrajectories(TrajectoryStore):
    """The real store, whose reading can be held up."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(database, settings)
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def stream(self, *arguments: Any, **options: Any) -> AsyncIterator[dict[str, Any]]:
        await self.may_read.wait()
        async for document in super().stream(*arguments, **options):
            yield document


class Bench:
    """The present job service and its event log; `boot` replaces them as a restart does."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.trajectories = PausableTrajectories(database, settings)
        self.events = EventLog(database)
        self.service = self._make_service()

    def _make_service(self) -> JobService:
        self.datasets = DatasetStore(self.database, self.settings, self.trajectories)
        scripted = Backend("scripted_backend:run", scripted_backend.options)
        training = replace(scripted, environment=finetuning_environment, trains_weights=True)
        return JobService(
            self.database,
            self.settings,
            self.datasets,
            self.events,
            backends={**BACKENDS, "scripted": scripted, "training": training},
            on_model=ModelStore.add,
        )

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, folder: Path) -> AsyncIterator[Self]:
        """A running service on a new database in `folder`."""
        database = Database(f"sqlite+aiosqlite:///{folder / 'whetstone.db'}")
        await database.open()
        bench = cls(database, settings)
        await bench.open()
        try:
            yield bench
        finally:
            await bench.close()
            await database.close()

    async def open(self) -> None:
        """Add a dataset and start the service."""
        async with self.database.write() as connection:
            await connection.execute(
                insert(datasets).values(
                    id=DATASET,
                    created_at=now_ms(),
                    status="ready",
                    options={},
                    sample_count=1,
                    trajectory_count=1,
                    report={},
                )
            )
        await self.service.start()

    async def restart(self) -> None:
        """Stop the service and start a new one, as a deployment does."""
        await self.service.stop()
        await self.datasets.close()
        self.events = EventLog(self.database)
        self.service = self._make_service()
        await self.service.start()

    async def close(self) -> None:
        await self.service.stop()
        await self.datasets.close()
        async with self.database.read() as connection:
            processes = await connection.scalars(select(jobs.c.process).where(jobs.c.process.is_not(None)))
            pids = [process["pid"] for process in processes if process]
        for pid in pids:
            _end_group(pid)

    async def create(self, *script: list[Any], **options: Any) -> str:
        """Queue a scripted job; its id."""
        body = {"datasetId": DATASET, "backend": "scripted", "script": list(script), **options}
        record = await self.service.create(JobOptions.parse(body))
        job_id: str = record["id"]
        return job_id

    async def until(
        self, job_id: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 15
    ) -> dict[str, Any]:
        """The job's record as soon as `holds` is true of it."""
        deadline = time.monotonic() + seconds
        while not holds(record := await self.service.get(job_id)):
            assert time.monotonic() < deadline, f"waited too long: {record}"
            await asyncio.sleep(0.03)
        return record

    async def ended(self, job_id: str, seconds: float = 15) -> dict[str, Any]:
        """The record of the job when it has a final status."""
        return await self.until(job_id, lambda job: job["status"] in FINAL, seconds)

    async def history(self, job_id: str) -> list[Event]:
        """All stored events of a job."""
        return (await self.events.after(0, job_id=job_id))[0]

    def folder(self, job_id: str) -> Path:
        return self.settings.training_dir / "jobs" / job_id

    async def worker_pid(self, job_id: str, other_than: int = 0, seconds: float = 10) -> int:
        """Pid of the job's worker, once it has one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                pid: int = orjson.loads((self.folder(job_id) / "worker.json").read_bytes())["pid"]
                if pid != other_than:
                    return pid
            await asyncio.sleep(0.02)
        raise AssertionError("no worker started")


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
