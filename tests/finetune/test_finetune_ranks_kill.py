"""kill -9 of a helper of a data-parallel job: its worker ends without an outcome, and the next attempt goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from finetune_jobs import job_curve, start, steps_done, training_bench
from jobs_bench import Bench
from lm_tools import wait_until
from whetstone.settings import Settings

STEPS = 60


@pytest.fixture
async def bench(tmp_path: Path, settings: Settings) -> AsyncIterator[Bench]:
    async with training_bench(tmp_path, settings) as bench:
        yield bench


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_job_whose_helper_is_killed_goes_on_from_its_checkpoint(bench: Bench, base: Path) -> None:
    job_id = await start(bench, base, iterations=STEPS, processes=2, testRows=0)
    await wait_until(lambda: steps_done(bench, job_id) >= 8, seconds=90)
    worker = psutil.Process(await bench.worker_pid(job_id))
    (helper,) = [each for each in worker.children() if "whetstone.finetune.on_torch.rank" in each.cmdline()]
    helper.kill()
    job = await bench.ended(job_id, seconds=150)
    assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    assert any("helper process of this job was ended by signal 9" in line for line in job["logs"])
    assert any("exit status 75" in line for line in job["logs"])
    assert [step for step, _, _ in job_curve(bench, job_id)] == list(range(STEPS + 1))
