"""What a restarted server finds: living workers, ended ones, dead ones."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import orjson
import psutil
from sqlalchemy import select, update

from jobs_bench import Bench, MakeBench, is_running
from whetstone.jobs.event import JOB_LOG
from whetstone.jobs.tables import jobs


async def _numbers(bench: Bench, job_id: str) -> list[int]:
    return [
        int(event.message)
        for event in await bench.history(job_id)
        if event.kind == JOB_LOG and event.message.isdigit()
    ]


async def test_stopping_the_server_leaves_workers_at_work(bench_on_both: Bench, tmp_path: Path) -> None:
    bench = bench_on_both
    gate = tmp_path / "gate"
    steps = [step for number in range(200) for step in (["log", f"{number}"], ["sleep", 0.002])]
    job_id = await bench.create(*steps, ["wait_for", str(gate)])
    await bench.until(job_id, lambda job: len(job["logs"]) > 10)
    pid = await bench.worker_pid(job_id)
    for _ in range(3):
        await bench.restart()
        await asyncio.sleep(0.1)
    assert is_running(pid)
    gate.touch()
    job = await bench.ended(job_id)
    assert (job["status"], job["attempt"], job["exitCode"]) == ("completed", 1, 0)
    assert await _numbers(bench, job_id) == list(range(200))


async def test_outcome_of_a_worker_that_ended_meanwhile_is_adopted(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = await bench.create(["log", "0"], ["wait_for", str(gate)], ["log", "1"])
    await bench.until(job_id, lambda job: bool(job["logs"]))
    pid = await bench.worker_pid(job_id)
    await bench.service.stop()
    gate.touch()
    await asyncio.to_thread(os.waitpid, pid, 0)
    await bench.restart()
    job = await bench.ended(job_id)
    assert (job["status"], job["attempt"], job["exitCode"]) == ("completed", 1, None)
    assert await _numbers(bench, job_id) == [0, 1]


async def test_worker_that_died_meanwhile_is_resumed(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = await bench.create(["wait_for", str(gate)])
    pid = await bench.worker_pid(job_id)
    await bench.until(job_id, lambda job: job["attempt"] == 1)
    await bench.service.stop()
    os.kill(pid, signal.SIGKILL)
    gate.touch()
    await bench.restart()
    job = await bench.ended(job_id, seconds=10)
    assert (job["status"], job["attempt"]) == ("completed", 2)


async def test_stranger_with_the_worker_s_pid_is_left_alone(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench(max_job_attempts=1)
    job_id = await bench.create(["wait_for", str(tmp_path / "gate")])
    worker = await bench.worker_pid(job_id)
    await bench.until(job_id, lambda job: job["attempt"] == 1)
    await bench.service.stop()
    os.kill(worker, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, worker, 0)
    stranger = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        async with bench.database.write() as connection:
            process = await connection.scalar(select(jobs.c.process).where(jobs.c.id == job_id))
            assert process is not None
            assert process["pid"] == worker
            await connection.execute(update(jobs).values(process={**process, "pid": stranger.pid}))
        await bench.restart()
        job = await bench.ended(job_id, seconds=5)
        assert job["status"] == "failed"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_cancel_that_the_server_did_not_live_to_finish_is_finished(bench: Bench) -> None:
    job_id = await bench.create(["log", "0"], ["sleep", 60])
    await bench.until(job_id, lambda job: bool(job["logs"]))
    await bench.service.stop()
    async with bench.database.write() as connection:
        await connection.execute(update(jobs).values(cancel_requested=True))
    await bench.restart()
    assert (await bench.ended(job_id, seconds=5))["status"] == "cancelled"


async def test_second_worker_on_the_same_job_leaves(bench: Bench, tmp_path: Path) -> None:
    job_id = await bench.create(["log", "0"], ["wait_for", str(tmp_path / "gate")])
    await bench.until(job_id, lambda job: bool(job["logs"]))
    command = [sys.executable, "-m", "whetstone.jobs.worker", str(bench.folder(job_id))]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 75
    assert b"Another worker" in errors
    assert await bench.worker_pid(job_id) != process.pid


async def test_kill_9_of_the_server_loses_and_repeats_nothing(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench()
    await bench.service.stop()
    gate = tmp_path / "gate"
    steps = [step for number in range(400) for step in (["log", f"{number}"], ["sleep", 0.001])]
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parents[1] / "jobs_server.py"),
        str(bench.database.url),
        str(bench.settings.state_dir),
        orjson.dumps([*steps, ["wait_for", str(gate)]]).decode(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    job_id = (await server.stdout.readline()).decode().strip()
    await bench.until(job_id, lambda job: len(job["logs"]) > 50)
    server.kill()
    await server.wait()
    pid = await bench.worker_pid(job_id)
    assert is_running(pid)

    await bench.restart()
    gate.touch()
    job = await bench.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 1)
    assert await _numbers(bench, job_id) == list(range(400))
    lines = (bench.folder(job_id) / "events.jsonl").read_bytes().splitlines()
    from_worker = [event.message for event in await bench.history(job_id) if event.message != "Starting"]
    assert from_worker == [orjson.loads(line)["message"] for line in lines]
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
