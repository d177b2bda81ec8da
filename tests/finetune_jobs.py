"""Whole fine-tuning jobs in the test's own process: a reporter that remembers, and specifications for tiny bases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jobs_bench import DATASET, Bench
from optimize_world import rows, write_dataset
from whetstone.finetune.loop.metrics import read_metrics
from whetstone.finetune.spec import FineTuneSpec
from whetstone.jobs.options import JobOptions
from whetstone.settings import Settings


class Recorder:
    """A reporter that remembers, and may cancel the job when it reaches a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.news: list[tuple[float, str, dict[str, Any]]] = []
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.stop_at = stop_at
        self.reached = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        self.news.append((fraction, phase, {**extra, "message": message}))
        if self.stop_at is not None and extra.get("currentIteration", -1) >= self.stop_at:
            self._loop.call_soon_threadsafe(self.reached.set)

    def log(self, message: str, **extra: Any) -> None:
        self.lines.append((message, extra))


def spec_of(base: Path | None, rows: Path, job_dir: Path, **options: Any) -> FineTuneSpec:
    """A short job on `base` (None: the embedded model) with the rows of a file."""
    usual = {
        "iterations": 40,
        "learningRate": 0.01,
        "loraRank": 8,
        "evalEvery": 10,
        "saveEvery": 5,
        "testRows": 12,
    }
    chosen = usual | ({} if base is None else {"model": str(base)}) | options
    return FineTuneSpec.parse(
        {key: value for key, value in chosen.items() if value is not None}, "job-1", job_dir, "chats", rows
    )


def curve(job_dir: Path) -> list[tuple[int, float | None, float | None]]:
    """Of each step its number, loss and validation loss."""
    return [
        (each["step"], each.get("loss"), each["evalLoss"]) for each in read_metrics(job_dir / "metrics.jsonl")
    ]


@asynccontextmanager
async def training_bench(folder: Path, settings: Settings, **changes: Any) -> AsyncIterator[Bench]:
    """A running job service with a dataset to learn, its database and caches in `folder`."""
    changes = {"train_threads": 1, "cache_home": folder / "cache", **changes}
    async with Bench.opened(settings.model_copy(update=changes), folder) as bench:
        write_dataset(bench.datasets.directory(DATASET), rows(60))
        yield bench


async def start(bench: Bench, base: Path, **options: Any) -> str:
    """Queue a job on the bench's dataset; its id."""
    body = {
        "datasetId": DATASET,
        "backend": "cpu",
        "model": str(base),
        "learningRate": 0.003,
        "loraDropout": 0.1,
        "saveEvery": 3,
        "evalEvery": 10,
        "testRows": 8,
    }
    record = await bench.service.create(JobOptions.parse(body | options))
    job_id: str = record["id"]
    return job_id


def job_curve(bench: Bench, job_id: str) -> list[tuple[int, float | None, float | None]]:
    return curve(bench.folder(job_id))


def steps_done(bench: Bench, job_id: str) -> int:
    """The newest step in the job's metrics; -1 before the first."""
    return max((step for step, _, _ in job_curve(bench, job_id)), default=-1)
