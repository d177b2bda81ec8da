"""Jobs on a real Ray cluster: to their end, cancelled, resumed, found again, and waiting for what is not there."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from jobs_bench import is_running
from ray_cluster import RayCluster, free_port, ray_cluster
from ray_jobs import RayBench
from whetstone.jobs.event import JOB_LOG
from whetstone.settings import Settings

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

PATIENCE = 150.0
"""Seconds: a cluster starts and works slowly on a busy machine."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(cpus=2) as cluster:
        yield cluster


@pytest.fixture
async def bench(cluster: RayCluster, settings: Settings, tmp_path: Path) -> AsyncIterator[RayBench]:
    """A service whose jobs run on the cluster."""
    changes = {
        "launcher": "ray",
        "ray_address": cluster.address,
        "ray_token": SecretStr(cluster.token),
        "lm_api_key": SecretStr("key of the model"),
    }
    async with RayBench.opened(settings.model_copy(update=changes), tmp_path) as bench:
        yield bench


async def test_job_runs_to_its_end(bench: RayBench) -> None:
    job_id = await bench.create(
        ["progress", 0.5, "half"], ["log", "from the node"], resources={"cpus": 2, "memoryGb": 0.5}
    )
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"], job["exitCode"]) == ("completed", 1, 0), job["error"]
    assert "from the node" in job["logs"]
    assert job["options"]["launcher"] == "ray"
    variables = job["result"]["environment"]
    assert variables["ELIZA_STATE_DIR"] == str(bench.settings.state_dir)
    assert variables["WHETSTONE_TRAIN_THREADS"] == "2"
    assert variables["WHETSTONE_TRAIN_MEMORY_GB"] == "0.5"
    assert variables["HOME"] != os.environ["HOME"]
    assert "key of the model" not in variables.values()


async def test_job_is_cancelled(bench: RayBench) -> None:
    job_id = await bench.create(["log", "begun"], ["sleep", 600])
    await bench.until(job_id, lambda job: "begun" in job["logs"], seconds=PATIENCE)
    pid = await bench.worker_pid(job_id)
    begun = time.monotonic()
    job = await bench.service.cancel(job_id)
    assert time.monotonic() - begun < 10
    assert (job["status"], job["attempt"]) == ("cancelled", 1)
    assert not is_running(pid)


async def test_worker_that_is_deaf_and_frozen_is_ended(bench: RayBench) -> None:
    job_id = await bench.create(["deaf"])
    await bench.until(job_id, lambda job: any("frozen" in line for line in job["logs"]), seconds=PATIENCE)
    pid = await bench.worker_pid(job_id)
    job = await bench.service.cancel(job_id)
    assert job["status"] == "cancelled"
    assert not is_running(pid)


async def test_killed_worker_is_resumed(bench: RayBench, tmp_path: Path) -> None:
    job_id = await bench.create(["log", "begun"], ["die", 1], ["log", "after"])
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"], job["result"]["attempt"]) == ("completed", 2, 2), job["error"]
    said = [event.message for event in await bench.history(job_id) if event.kind == JOB_LOG]
    assert any("SIGKILL" in message for message in said)
    assert said[-1] == "after"


async def test_lost_node_is_survived(bench: RayBench, tmp_path: Path) -> None:
    """Ray's own process beside the worker dies with it, as when the node does."""
    job_id = await bench.create(["log", "begun"], ["wait_for", str(tmp_path / "gate")])
    await bench.until(job_id, lambda job: "begun" in job["logs"], seconds=PATIENCE)
    worker = psutil.Process(await bench.worker_pid(job_id))
    parent = worker.parent()
    assert parent is not None
    parent.kill()
    await asyncio.to_thread(psutil.wait_procs, [worker], 20)
    (tmp_path / "gate").touch()
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    assert any("lost" in event.message for event in await bench.history(job_id))


async def test_restarted_cluster_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    with ray_cluster(port=port) as cluster:
        changes = {"ray_address": cluster.address, "ray_token": SecretStr(cluster.token), "launcher": "ray"}
        context = RayBench.opened(settings.model_copy(update=changes), tmp_path)
        bench = await context.__aenter__()
        job_id = await bench.create(["log", "begun"], ["wait_for", str(tmp_path / "gate")])
        await bench.until(job_id, lambda job: "begun" in job["logs"], seconds=PATIENCE)
    try:
        (tmp_path / "gate").touch()
        await asyncio.sleep(3)
        assert (await bench.service.get(job_id))["status"] == "running"
        with ray_cluster(port=port):
            job = await bench.ended(job_id, seconds=PATIENCE)
            assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    finally:
        await context.__aexit__(None, None, None)


async def test_restarted_server_finds_the_worker_again(bench: RayBench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = await bench.create(["log", "0"], ["wait_for", str(gate)], ["log", "1"])
    await bench.until(job_id, lambda job: bool(job["logs"]), seconds=PATIENCE)
    pid = await bench.worker_pid(job_id)
    await bench.restart()
    assert is_running(pid)
    await bench.forget_worker(job_id)  # as if it had been killed before it could note the submission
    gate.touch()
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"], job["exitCode"]) == ("completed", 1, 0)
    assert [line for line in job["logs"] if line in "01"] == ["0", "1"]


async def test_worker_that_died_while_nobody_watched_is_resumed(bench: RayBench, tmp_path: Path) -> None:
    job_id = await bench.create(["log", "begun"], ["wait_for", str(tmp_path / "gate")])
    await bench.until(job_id, lambda job: "begun" in job["logs"], seconds=PATIENCE)
    pid = await bench.worker_pid(job_id)
    await bench.service.stop()
    os.kill(pid, signal.SIGKILL)
    (tmp_path / "gate").touch()
    await bench.restart()
    job = await bench.ended(job_id, seconds=PATIENCE)
    assert (job["status"], job["attempt"]) == ("completed", 2)


async def test_job_that_asks_for_too_much_waits_and_can_be_cancelled(bench: RayBench) -> None:
    job_id = await bench.create(["log", "never said"], resources={"cpus": 64})
    await bench.until(job_id, lambda job: job["attempt"] == 1, seconds=PATIENCE)
    status = await bench.submission_status(job_id)
    assert status == "PENDING"
    begun = time.monotonic()
    job = await bench.service.cancel(job_id)
    assert time.monotonic() - begun < 10
    assert (job["status"], job["logs"]) == ("cancelled", [])


async def test_node_without_the_right_python_is_said(bench: RayBench) -> None:
    await bench.reopen(ray_python="/nowhere/python", max_job_attempts=1)
    job = await bench.ended(await bench.create(["log", "x"]), seconds=PATIENCE)
    assert job["status"] == "failed"
    assert "WHETSTONE_RAY_PYTHON" in job["error"]


async def test_wrong_token_is_said(bench: RayBench) -> None:
    await bench.reopen(ray_token=SecretStr("another"))
    job = await bench.ended(await bench.create(["log", "x"]), seconds=PATIENCE)
    assert job["status"] == "failed"
    assert "WHETSTONE_RAY_TOKEN" in job["error"]
    assert "another" not in str(job)
