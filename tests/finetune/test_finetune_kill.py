"""kill -9 at random steps of real jobs: the losses are those of an uninterrupted one, and nothing half-done is left."""

from __future__ import annotations

import logging
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from finetune_jobs import job_curve, start, steps_done, training_bench
from jobs_bench import Bench
from lm_tools import wait_until
from whetstone.registry.store import ModelStore
from whetstone.settings import Settings

JOBS, KILLS_A_JOB, STEPS = 4, 5, 90
_log = logging.getLogger(__name__)


@pytest.fixture
async def bench(tmp_path: Path, settings: Settings) -> AsyncIterator[Bench]:
    async with training_bench(tmp_path, settings, max_job_attempts=KILLS_A_JOB + 1) as bench:
        yield bench


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_killed_jobs_learn_what_quiet_ones_do(bench: Bench, base: Path) -> None:
    quiet = await start(bench, base, iterations=STEPS)
    wanted = await bench.ended(quiet, seconds=200)
    assert wanted["status"] == "completed", wanted["error"]
    draw = random.Random("kill -9")
    for _ in range(JOBS):
        moments = sorted(draw.sample(range(STEPS), KILLS_A_JOB))
        killed: list[int] = []
        job_id = await start(bench, base, iterations=STEPS)
        for moment in moments:
            pid = await bench.worker_pid(job_id, other_than=killed[-1] if killed else 0, seconds=30)
            await wait_until(lambda n=moment, job=job_id: steps_done(bench, job) >= n, seconds=60)  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        job = await bench.ended(job_id, seconds=200)
        assert job["status"] == "completed", job["error"]
        assert job["attempt"] == KILLS_A_JOB + 1
        assert job_curve(bench, job_id) == job_curve(bench, quiet)
        assert job["result"]["validationLoss"] == wanted["result"]["validationLoss"]
        assert not [pid for pid in killed if psutil.pid_exists(pid)]
        _log.info("killed at steps %s", moments)
    models = bench.settings.training_dir / "models"
    assert len([path for path in models.iterdir() if not path.name.startswith(".")]) == 1 + JOBS
    assert not list(models.glob(".*"))
    assert len(await ModelStore(bench.database).list()) == 1 + JOBS
