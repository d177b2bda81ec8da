"""Fine-tuning on a real Ray cluster: two processes on the node, cancelled, and resumed after the worker was killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from finetune_jobs import job_curve, start, steps_done
from jobs_bench import DATASET, is_running
from lm_tools import wait_until
from optimize_world import rows, write_dataset
from ray_cluster import RayCluster, ray_cluster
from ray_jobs import RayBench
from whetstone.settings import Settings

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE = 200.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(cpus=2) as cluster:
        yield cluster


@pytest.fixture
async def bench(cluster: RayCluster, settings: Settings, tmp_path: Path) -> AsyncIterator[RayBench]:
    changes = {"ray_address": cluster.address, "ray_token": SecretStr(cluster.token), "train_threads": 1}
    async with RayBench.opened(settings.model_copy(update=changes), tmp_path) as bench:
        write_dataset(bench.datasets.directory(DATASET), rows(60))
        yield bench


async def test_a_killed_job_on_the_cluster_learns_what_a_quiet_one_here_does(
    bench: RayBench, base: Path
) -> None:
    quiet = await start(bench, base, launcher="local", iterations=60, processes=2)
    wanted = await bench.ended(quiet, seconds=PATIENCE)
    assert wanted["status"] == "completed", wanted["error"]

    job_id = await start(
        bench, base, launcher="ray", resources={"cpus": 2, "memoryGb": 4}, iterations=60, processes=2
    )
    await wait_until(lambda: steps_done(bench, job_id) >= 25, seconds=PATIENCE)
    os.kill(await bench.worker_pid(job_id), signal.SIGKILL)
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    assert job_curve(bench, job_id) == job_curve(bench, quiet)
    assert job["result"]["engine"]["processes"] == 2


async def test_a_job_on_the_cluster_is_cancelled_and_keeps_its_best(bench: RayBench, base: Path) -> None:
    job_id = await start(bench, base, launcher="ray", iterations=100_000)
    await wait_until(lambda: steps_done(bench, job_id) >= 15, seconds=PATIENCE)
    pid = await bench.worker_pid(job_id)
    begun = time.monotonic()
    job = await bench.service.cancel(job_id)
    assert time.monotonic() - begun < 10
    assert job["status"] == "cancelled"
    assert job["bestSoFar"]["decision"] == "not_gated"
    assert not is_running(pid)
