"""Where a request may put a job, and what it may ask of that place."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs_bench import DATASET, Bench, MakeBench
from lm_tools import wait_until
from whetstone.errors import InvalidInputError
from whetstone.files import write_json
from whetstone.jobs.jobfile import JobFile, JobFolder
from whetstone.jobs.launchers.local import LocalLauncher
from whetstone.jobs.options import JobOptions
from whetstone.processes import ProcessIdentity
from whetstone.settings import Settings


def test_launcher_and_resources_are_read() -> None:
    body = {"launcher": "ray", "resources": {"cpus": 2.5, "gpus": 1.0, "memoryGb": 8}}
    options = JobOptions.parse(body)
    assert options.to_dict()["launcher"] == "ray"
    assert options.to_dict()["resources"] == {"cpus": 2.5, "gpus": 1, "memoryGb": 8}
    assert options.more == {}
    assert "launcher" not in JobOptions.parse({"launcher": None, "resources": None}).to_dict()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"launcher": "slurm"}, "launcher"),
        ({"launcher": 1}, "launcher"),
        ({"launcher": ["ray"]}, "launcher"),
        ({"resources": 4}, "resources"),
        ({"resources": {"tpus": 1}}, "cpus, gpus, memoryGb"),
        ({"resources": {"cpus": 0}}, "resources.cpus"),
        ({"resources": {"cpus": "2"}}, "resources.cpus"),
        ({"resources": {"cpus": True}}, "resources.cpus"),
        ({"resources": {"cpus": math.nan}}, "resources.cpus"),
        ({"resources": {"cpus": math.inf}}, "resources.cpus"),
        ({"resources": {"cpus": 10**400}}, "resources.cpus"),
        ({"resources": {"gpus": 0.5}}, "resources.gpus"),
        ({"resources": {"gpus": -1}}, "resources.gpus"),
        ({"resources": {"memoryGb": -1}}, "resources.memoryGb"),
        ({"resources": {"memoryGb": 1e9}}, "16384"),
    ],
)
def test_wrong_wishes_are_named(body: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        JobOptions.parse(body)


async def test_cluster_that_nobody_set_up_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInputError, match="WHETSTONE_RAY_ADDRESS"):
        await bench.create(["log", "x"], launcher="ray")


async def test_resources_of_this_machine_are_not_to_be_had(bench: Bench) -> None:
    with pytest.raises(InvalidInputError, match="launcher"):
        await bench.create(["log", "x"], launcher="local", resources={"cpus": 1})


async def test_job_may_stay_on_this_machine(make_bench: MakeBench) -> None:
    bench = await make_bench(launcher="ray", ray_address="http://127.0.0.1:1")
    job = await bench.ended(await bench.create(["log", "x"], launcher="local"))
    assert job["status"] == "completed"
    job = await bench.ended(await bench.create(["log", "x"]))
    assert job["status"] == "failed"
    assert "WHETSTONE_RAY_ADDRESS" in job["error"]
    assert job["options"]["launcher"] == "ray"


async def test_job_of_a_cluster_that_is_gone_from_the_settings_fails(make_bench: MakeBench) -> None:
    bench = await make_bench(launcher="ray", ray_address="http://127.0.0.1:1", max_running_jobs=1)
    await bench.service.stop()
    job_id = await bench.create(["log", "x"])
    bench.settings = bench.settings.model_copy(update={"ray_address": None})
    await bench.restart()
    job = await bench.ended(job_id)
    assert job["status"] == "failed"
    assert "launcher 'ray'" in job["error"]


def start_worker(folder: Path, *script: list[Any]) -> subprocess.Popen[bytes]:
    """A worker as a cluster starts it."""
    JobFile(
        "job-1", 1, 3, "scripted", "scripted_backend:run", {"script": list(script)}, DATASET, folder, folder
    ).write()
    command = [sys.executable, "-m", "whetstone.jobs.worker", str(folder)]
    return subprocess.Popen(command, start_new_session=True)


async def test_worker_that_no_signal_reaches_sees_the_cancel_file(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    worker = start_worker(tmp_path, ["log", "begun"], ["sleep", 600])
    try:
        await wait_until(lambda: folder.events.exists() and b"begun" in folder.events.read_bytes())
        folder.cancel.touch()
        assert await asyncio.to_thread(worker.wait, 10) == 2
    finally:
        worker.kill()
    assert folder.events.read_bytes().count(b"job_cancelled") == 1


async def test_worker_of_another_machine_is_not_taken_for_a_process_of_this_one(
    settings: Settings, tmp_path: Path
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    own = ProcessIdentity.of(child.pid)
    assert own is not None
    write_json(JobFolder(tmp_path).worker, {**own.to_dict(), "bootId": "of another machine"})
    found = LocalLauncher(settings).attach(tmp_path, None)
    assert found is not None
    assert await found.poll() is not None
    await found.kill()
    assert child.returncode is None
    child.kill()
    await child.wait()


async def test_worker_that_starts_too_late_does_nothing(tmp_path: Path) -> None:
    JobFolder(tmp_path).cancel.touch()
    worker = start_worker(tmp_path, ["log", "begun"], ["sleep", 600])
    assert await asyncio.to_thread(worker.wait, 20) == 2
    assert b"begun" not in JobFolder(tmp_path).events.read_bytes()
