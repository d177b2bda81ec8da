"""Jobs from request to end, with real worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from jobs_bench import DATASET, Bench, MakeBench, is_running
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.jobs.options import JobOptions
from whetstone.jobs.states import JobStatus

RECORD_KEYS = {
    "id", "createdAt", "startedAt", "completedAt", "status", "phase", "progress", "error", "exitCode", "signal",
    "options", "datasetId", "pythonRoot", "scriptPath", "outputDir", "logPath", "modelPath", "adapterPath",
    "modelId", "logs",
}  # fmt: skip


def _file_messages(bench: Bench, job_id: str) -> list[str]:
    lines = (bench.folder(job_id) / "events.jsonl").read_bytes().splitlines()
    return [orjson.loads(line)["message"] for line in lines]


async def _worker_messages(bench: Bench, job_id: str) -> list[str]:
    """Messages in the log that the worker wrote (the server's own are of phases that it alone knows)."""
    server = ("starting", "resuming", "building_dataset")
    return [
        event.message for event in await bench.history(job_id) if event.payload.get("phase") not in server
    ]


async def test_job_runs_to_its_end(bench_on_both: Bench) -> None:
    bench = bench_on_both
    job_id = await bench.create(["log", "reading"], ["progress", 0.4, "training"], ["log", "nul \x00"])
    first = await bench.service.get(job_id)
    assert first.keys() >= RECORD_KEYS
    job = await bench.ended(job_id)
    assert (job["status"], job["phase"], job["progress"], job["error"]) == (
        "completed",
        "completed",
        1.0,
        None,
    )
    assert (job["exitCode"], job["signal"], job["attempt"]) == (0, None, 1)
    assert job["logs"] == ["reading", "nul �"]
    assert job["result"]["message"] == "All steps done"
    assert job["createdAt"] <= job["startedAt"] <= job["completedAt"]
    assert job["datasetId"] == DATASET
    kinds = [event.kind for event in await bench.history(job_id)]
    assert kinds == ["job_progress", "job_started", "job_log", "job_progress", "job_log", "job_completed"]
    assert await _worker_messages(bench, job_id) == [
        message.replace("\x00", "�") for message in _file_messages(bench, job_id)
    ]
    assert (await bench.history(job_id))[-1].payload["progress"] == 1.0


async def test_backend_s_reason_for_failing_is_told(bench: Bench) -> None:
    plain, bug = await bench.create(["fail", "The dataset is too small."]), await bench.create(["bug"])
    job = await bench.ended(plain)
    assert (job["status"], job["error"], job["exitCode"]) == ("failed", "The dataset is too small.", 1)
    job = await bench.ended(bug)
    assert job["status"] == "failed"
    assert "ZeroDivisionError" in job["error"]
    assert "secret detail" not in job["error"]
    assert "secret detail" in (bench.folder(bug) / "output.log").read_text()
    assert job["attempt"] == 1  # it would fail again


async def test_jobs_wait_their_turn(bench_on_both: Bench, tmp_path: Path) -> None:
    bench = bench_on_both
    gates = [tmp_path / f"gate-{number}" for number in range(3)]
    job_ids = [await bench.create(["wait_for", str(gate)]) for gate in gates]
    await bench.until(job_ids[0], lambda job: job["status"] == "running")
    records = {record["id"]: record for record in await bench.service.list()}
    assert [record["id"] for record in await bench.service.list()] == job_ids[::-1]
    assert [records[job_id]["status"] for job_id in job_ids] == ["running", "pending", "pending"]
    assert [records[job_id]["queuePosition"] for job_id in job_ids] == [None, 1, 2]
    assert len(await bench.service.list(JobStatus.PENDING)) == 2
    for gate in gates:
        gate.touch()
    ended = [await bench.ended(job_id) for job_id in job_ids]
    assert ended[0]["completedAt"] <= ended[1]["startedAt"]
    assert ended[1]["completedAt"] <= ended[2]["startedAt"]
    assert (await bench.service.counts())[JobStatus.COMPLETED] == 3


async def test_setting_lets_jobs_run_side_by_side(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench(max_running_jobs=2)
    gate = str(tmp_path / "gate")
    job_ids = [await bench.create(["wait_for", gate]) for _ in range(3)]
    for job_id in job_ids[:2]:
        await bench.until(job_id, lambda job: job["status"] == "running")
    assert (await bench.service.get(job_ids[2]))["status"] == "pending"


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ({"datasetId": "dataset-0"}, InvalidInputError, "Dataset dataset-0 not found"),
        ({"backend": "x"}, InvalidInputError, "Backend 'x' is not available on this system"),
        ({"backend": "cpu", "datasetId": "dataset-0"}, InvalidInputError, "Dataset dataset-0 not found"),
        (
            {"backend": "cpu", "batchSize": 10**6},
            InvalidInputError,
            "batchSize must be a whole number from 1",
        ),
        (
            {"optimizer": "magic"},
            InvalidInputError,
            "Optimizer 'magic' is not known",
        ),
    ],
)
async def test_impossible_jobs_are_refused(
    make_bench: MakeBench, body: dict[str, Any], error: type[Exception], message: str
) -> None:
    bench = await make_bench()
    with pytest.raises(error, match=message):
        await bench.service.create(JobOptions.parse(body))
    assert await bench.service.list() == []


async def test_unknown_jobs_are_not_found_in_the_contract_s_words(bench_on_both: Bench) -> None:
    bench = bench_on_both
    with pytest.raises(NotFoundError, match=r"^Training job not found$"):
        await bench.service.get("job-\x00")
    with pytest.raises(NotFoundError, match=r"^Job job-1 not found$"):
        await bench.service.cancel("job-1")


async def test_dataset_is_built_first_when_none_is_named(bench: Bench) -> None:
    job_id = await bench.create(datasetId="__auto__")
    job = await bench.ended(job_id)
    phases = [event.payload.get("phase") for event in await bench.history(job_id)]
    assert phases[0] == "building_dataset"
    if job["status"] == "completed":
        assert job["datasetId"].startswith("dataset-")
    else:
        assert job["error"].startswith("The dataset could not be built")


async def test_cancel_while_the_dataset_is_built(bench: Bench) -> None:
    bench.trajectories.may_read.clear()
    job_id = await bench.create(datasetId=None)
    await bench.until(job_id, lambda job: job["phase"] == "building_dataset")
    job = await bench.service.cancel(job_id)
    assert (job["status"], job["attempt"]) == ("cancelled", 0)


async def test_waiting_job_is_cancelled_at_once(bench_on_both: Bench) -> None:
    bench = bench_on_both
    running, waiting = await bench.create(["sleep", 60]), await bench.create()
    await bench.until(running, lambda job: job["status"] == "running")
    job = await bench.service.cancel(waiting)
    assert (job["status"], job["startedAt"]) == ("cancelled", None)
    assert [event.kind for event in await bench.history(waiting)] == ["job_cancelled"]
    assert await bench.service.cancel(waiting) == job


async def test_running_job_is_cancelled_politely(bench_on_both: Bench) -> None:
    bench = bench_on_both
    job_id = await bench.create(["log", "begun"], ["sleep", 60])
    await bench.until(job_id, lambda job: bool(job["logs"]))
    started = time.monotonic()
    job = await bench.service.cancel(job_id)
    assert time.monotonic() - started < 2
    assert (job["status"], job["exitCode"], job["signal"]) == ("cancelled", 2, None)
    assert [event.kind for event in await bench.history(job_id)][-1] == "job_cancelled"


async def test_cancel_takes_down_a_child_that_ignores_sigterm(bench: Bench) -> None:
    job_id = await bench.create(["stubborn_child"], ["sleep", 60])
    job = await bench.until(job_id, lambda job: bool(job["logs"]))
    child = int(job["logs"][0].split()[1])
    assert is_running(child)
    started = time.monotonic()
    assert (await bench.service.cancel(job_id))["status"] == "cancelled"
    while is_running(child):
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("step", "end", "seconds"), [("freeze", (2, None), 2.5), ("deaf", (None, "SIGKILL"), 6.0)]
)
async def test_cancel_takes_down_a_worker_that_does_not_listen(
    make_bench: MakeBench, step: str, end: tuple[int | None, str | None], seconds: float
) -> None:
    bench = await make_bench()
    job_id = await bench.create(["stubborn_child"], [step])
    job = await bench.until(job_id, lambda job: len(job["logs"]) == 2)
    pids = [int(line.split()[1]) for line in job["logs"]]
    started = time.monotonic()
    job = await bench.service.cancel(job_id)
    assert time.monotonic() - started < seconds
    assert (job["status"], (job["exitCode"], job["signal"])) == ("cancelled", end)
    while any(map(is_running, pids)):
        assert time.monotonic() - started < seconds
        await asyncio.sleep(0.02)


async def test_killed_worker_is_resumed(bench_on_both: Bench) -> None:
    bench = bench_on_both
    job_id = await bench.create(["progress", 0.6, "searching"], ["log", "a"], ["die", 1], ["log", "b"])
    job = await bench.ended(job_id, seconds=10)
    assert (job["status"], job["attempt"], job["result"]["attempt"]) == ("completed", 2, 2)
    assert (job["exitCode"], job["signal"]) == (0, None)
    assert [line for line in job["logs"] if line in "ab"] == ["a", "a", "b"]
    assert any("SIGKILL" in line and "attempt 2 of 3" in line for line in job["logs"])
    progress = [
        event.payload["progress"] for event in await bench.history(job_id) if "progress" in event.payload
    ]
    assert progress == sorted(progress)


async def test_worker_that_dies_again_and_again_fails_with_a_reason(make_bench: MakeBench) -> None:
    bench = await make_bench(max_job_attempts=2)
    job_id = await bench.create(["die", 9])
    job = await bench.ended(job_id, seconds=10)
    assert (job["status"], job["attempt"], job["signal"]) == ("failed", 2, "SIGKILL")
    assert "killed (SIGKILL)" in job["error"]
    assert "attempt 2 of 2" in job["error"]
    assert (await bench.history(job_id))[-1].message == job["error"]


async def test_helpers_of_a_killed_worker_go_with_it(bench: Bench) -> None:
    job_id = await bench.create(["stubborn_child"], ["die", 1])
    job = await bench.ended(job_id)
    assert job["status"] == "completed"
    children = [int(line.split()[1]) for line in job["logs"] if line.startswith("child")]
    assert len(children) == 2
    assert not any(map(is_running, children))


async def test_torn_line_is_passed_over(bench: Bench) -> None:
    job_id = await bench.create(["log", "before"], ["tear"], ["log", "after"])
    job = await bench.ended(job_id)
    assert job["status"] == "completed"
    assert [line for line in job["logs"] if line in ("before", "after")] == ["before", "before", "after"]


async def test_worker_that_is_ended_from_outside_is_resumed(bench: Bench, tmp_path: Path) -> None:
    job_id = await bench.create(["log", "waiting"], ["wait_for", str(tmp_path / "gate")])
    await bench.until(job_id, lambda job: bool(job["logs"]))
    pid = await bench.worker_pid(job_id)
    os.kill(pid, signal.SIGTERM)  # as a machine that shuts down does
    (tmp_path / "gate").touch()
    job = await bench.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)


async def test_only_the_newest_log_lines_are_shown(bench: Bench) -> None:
    job_id = await bench.create(*(["log", f"{number}"] for number in range(700)))
    job = await bench.ended(job_id)
    assert job["logs"] == [f"{number}" for number in range(100, 700)]
    assert (await bench.service.list())[0]["logs"] == job["logs"]
