"""The datasets: building them in the background, finding them, and clearing up after a crash.

A dataset is a row in the table and a folder `<state>/training/datasets/<id>/`. The folder appears whole: it is
written beside its place under a hidden name, then renamed.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import structlog
from sqlalchemy import func, insert, select, update

from whetstone.clock import iso, now_ms
from whetstone.datasets.build import Built, DatasetBuilder
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.records import Record, dataset_record
from whetstone.datasets.tables import datasets
from whetstone.datasets.writer import write_metadata
from whetstone.db import Database
from whetstone.errors import NotFoundError, WhetstoneError
from whetstone.files import sync_directory
from whetstone.ids import new_id
from whetstone.privacy.gate import PrivacyGate
from whetstone.settings import Settings
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

P = ParamSpec("P")
T = TypeVar("T")
OnBuilt = Callable[[Record], Awaitable[None]]

ANSWER_WITHIN_SECONDS = 0.8
"""How long `start_build` waits for a build to end before it answers with a record that is still `building`."""

_DATASET_ID = re.compile(r"dataset-[A-Za-z0-9-]{1,100}")
_BATCH = 16  # documents filtered in one visit to the thread
_INTERRUPTED = "the service stopped while this dataset was being built; build it again"
_log = structlog.get_logger(__name__)


class DatasetStore:
    """Builds and finds datasets. `on_built` is awaited with the record of each dataset that becomes ready."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        trajectories: TrajectoryStore,
        on_built: OnBuilt | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._trajectories = trajectories
        self._root = settings.training_dir / "datasets"
        self._builds: set[asyncio.Task[None]] = set()
        self._builders: set[DatasetBuilder] = set()
        self._on_built = on_built

    async def start_build(self, options: BuildOptions) -> Record:
        """Start a build and answer with its record: ready (or failed) when it was quick, else `building`."""
        dataset_id, task = await self._start(options)
        await asyncio.wait({task}, timeout=ANSWER_WITHIN_SECONDS)
        return await self._existing(dataset_id)

    async def build(self, options: BuildOptions) -> Record:
        """Build a dataset to its end; the record's `status` says whether it is `ready` or `failed`."""
        dataset_id, task = await self._start(options)
        await asyncio.wait({task})
        return await self._existing(dataset_id)

    async def list(self) -> Sequence[Record]:
        """All datasets, newest first."""
        query = select(datasets).order_by(datasets.c.created_at.desc(), datasets.c.key.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [dataset_record(row, self.directory(row["id"])) for row in rows]

    async def count(self) -> int:
        """The number of datasets, in whatever status."""
        async with self._database.read() as connection:
            return (await connection.execute(select(func.count()).select_from(datasets))).scalar_one()

    async def get(self, dataset_id: str) -> Record | None:
        """The record of a dataset; None when there is none of that id."""
        if not _DATASET_ID.fullmatch(dataset_id):
            return None
        query = select(datasets).where(datasets.c.id == dataset_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else dataset_record(row, self.directory(row["id"]))

    def directory(self, dataset_id: str) -> Path:
        """The folder of a dataset; raises `NotFoundError` for an id that no dataset can have.

        Says nothing about whether the dataset exists: ask `get` first.
        """
        if not _DATASET_ID.fullmatch(dataset_id):
            raise NotFoundError("Dataset not found")
        return self._root / dataset_id

    async def recover(self) -> None:
        """Call once at start: builds that a dead process left behind become `failed`, their files are removed."""
        unfinished = select(datasets.c.id).where(datasets.c.status == "building")
        async with self._database.write() as connection:
            interrupted = (await connection.execute(unfinished)).scalars().all()
            await connection.execute(
                update(datasets)
                .where(datasets.c.id.in_(interrupted))
                .values(status="failed", error=_INTERRUPTED)
            )
        leftovers = [self.directory(dataset_id) for dataset_id in interrupted]
        await asyncio.to_thread(_remove, [*leftovers, *self._root.glob(".dataset-*.building")])

    async def close(self) -> None:
        """Stop builds that are still running; they become `failed`."""
        builds = list(self._builds)
        for task in builds:
            task.cancel()
        for builder in self._builders:  # a thread cannot be cancelled, and we wait for it
            builder.abandon()
        await asyncio.gather(*builds, return_exceptions=True)

    async def _start(self, options: BuildOptions) -> tuple[str, asyncio.Task[None]]:
        dataset_id, created_at = new_id("dataset"), now_ms()
        async with self._database.write() as connection:
            await connection.execute(
                insert(datasets).values(
                    id=dataset_id,
                    created_at=created_at,
                    status="building",
                    options=options.to_dict(),
                    sample_count=0,
                    trajectory_count=0,
                    report={},
                )
            )
        task = asyncio.create_task(self._run(dataset_id, options), name=f"build {dataset_id}")
        self._builds.add(task)
        task.add_done_callback(self._builds.discard)
        return dataset_id, task

    async def _run(self, dataset_id: str, options: BuildOptions) -> None:
        folder = self._root / f".{dataset_id}.building"
        try:
            built = await self._build_into(folder, options)
            await self._publish(dataset_id, folder, built)
        except asyncio.CancelledError:
            await asyncio.shield(self._fail(dataset_id, folder, _INTERRUPTED))
            raise
        except Exception as error:
            if isinstance(error, WhetstoneError):
                _log.warning("dataset build failed", dataset_id=dataset_id, reason=error.message)
            else:
                _log.exception("dataset build failed", dataset_id=dataset_id)
            await self._fail(dataset_id, folder, _reason(error))
            return
        await self._announce(dataset_id)

    async def _build_into(self, folder: Path, options: BuildOptions) -> Built:
        privacy = await asyncio.to_thread(PrivacyGate.from_settings, self._settings)
        await asyncio.to_thread(folder.mkdir, parents=True)
        with DatasetBuilder(folder, options, privacy) as builder:
            self._builders.add(builder)
            try:
                return await self._fill(builder)
            finally:
                self._builders.discard(builder)

    async def _fill(self, builder: DatasetBuilder) -> Built:
        batch: list[dict[str, Any]] = []
        async for document in self._trajectories.stream(TrajectoryFilter()):
            batch.append(document)
            if len(batch) == _BATCH:
                await _in_thread(builder.add, batch)
                batch = []
                if builder.full:
                    break
        await _in_thread(builder.add, batch)
        return await _in_thread(builder.finish)

    async def _publish(self, dataset_id: str, folder: Path, built: Built) -> None:
        """Give the dataset its files' final place, then make it ready."""
        figures = {
            "status": "ready",
            "sample_count": built.sample_count,
            "trajectory_count": built.trajectory_count,
            "report": built.report,
        }
        query = select(datasets).where(datasets.c.id == dataset_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one()
        directory = self.directory(dataset_id)
        record = dataset_record({**row, **figures}, directory)
        summary = {"generatedAt": iso(now_ms()), **built.summary}
        await _in_thread(_put_in_place, folder, directory, record, summary)
        async with self._database.write() as connection:
            await connection.execute(update(datasets).where(datasets.c.id == dataset_id).values(**figures))

    async def _fail(self, dataset_id: str, folder: Path, reason: str) -> None:
        await asyncio.to_thread(_remove, [folder, self.directory(dataset_id)])
        async with self._database.write() as connection:
            await connection.execute(
                update(datasets).where(datasets.c.id == dataset_id).values(status="failed", error=reason)
            )

    async def _announce(self, dataset_id: str) -> None:
        if self._on_built is None:
            return
        try:
            await self._on_built(await self._existing(dataset_id))
        except Exception:
            # The dataset is ready all the same.
            _log.exception("dataset_built could not be announced", dataset_id=dataset_id)

    async def _existing(self, dataset_id: str) -> Record:
        record = await self.get(dataset_id)
        if record is None:
            raise NotFoundError("Dataset not found")
        return record


def _put_in_place(folder: Path, directory: Path, record: Record, summary: dict[str, Any]) -> None:
    write_metadata(folder, record, summary)
    folder.rename(directory)
    sync_directory(directory.parent)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _reason(error: Exception) -> str:
    """Why a build failed, in words that are safe to show."""
    if isinstance(error, WhetstoneError):
        return error.message
    if isinstance(error, OSError):
        return f"the dataset's files could not be written: {error.strerror}"
    return f"the build failed ({type(error).__name__}); the service's log has the details"


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread; when cancelled, wait for the thread first, so that it touches no file afterwards."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.gather(work, return_exceptions=True)
        raise
