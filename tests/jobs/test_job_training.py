"""Jobs that train weights: few at once, kind to the machine, ended when they take too much memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_bench import DATASET, Bench, MakeBench, is_running
from whetstone.jobs.memory_guard import held_memory, watch_memory
from whetstone.jobs.metrics import MOST_POINTS
from whetstone.jobs.queueing import start_order

JOBS = st.lists(st.sampled_from(["cpu", "mlx", "native"]))


async def train(bench: Bench, *script: list[Any], **options: Any) -> str:
    return await bench.create(*script, **{"backend": "training", **options})


async def test_one_trains_at_a_time_and_others_pass(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench(max_running_jobs=2)
    gate = ["wait_for", str(tmp_path / "gate")]
    first, second, third = [await train(bench, gate) for _ in range(3)]
    await bench.until(first, lambda job: job["status"] == "running")
    optimizing, waiting = [await bench.create(gate) for _ in range(2)]
    await bench.until(optimizing, lambda job: job["status"] == "running")
    records = {job["id"]: job for job in await bench.service.list()}
    assert records[second]["status"] == "pending"
    # When a place becomes free, the one that may take it is the job that trains nothing.
    assert [records[job_id]["queuePosition"] for job_id in (waiting, second, third)] == [1, 2, 3]
    await bench.service.cancel(optimizing)
    await bench.until(waiting, lambda job: job["status"] == "running")
    assert (await bench.service.get(second))["queuePosition"] == 1
    (tmp_path / "gate").touch()
    assert {(await bench.ended(job_id))["status"] for job_id in (first, second, third)} == {"completed"}


async def test_a_restarted_server_still_trains_one_at_a_time(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench(max_running_jobs=3)
    gate = ["wait_for", str(tmp_path / "gate")]
    first, second = [await train(bench, gate) for _ in range(2)]
    await bench.worker_pid(first)
    await bench.restart()
    passing = await bench.create()
    assert (await bench.ended(passing))["status"] == "completed"
    assert (await bench.service.get(second))["status"] == "pending"
    (tmp_path / "gate").touch()
    assert (await bench.ended(second))["status"] == "completed"


async def test_setting_lets_more_train_at_once(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = await make_bench(max_running_jobs=2, max_training_jobs=2)
    gate = ["wait_for", str(tmp_path / "gate")]
    for job_id in [await train(bench, gate) for _ in range(2)]:
        await bench.until(job_id, lambda job: job["status"] == "running")


@given(JOBS, st.integers(-1, 4))
def test_start_order_keeps_all_jobs_and_the_order_of_each_kind(kinds: list[str], free: int) -> None:
    waiting = [(f"job-{number}", kind) for number, kind in enumerate(kinds)]
    order = start_order(waiting, {"cpu", "mlx"}, free)
    kind_of = dict(waiting)
    for training in (True, False):
        own = [job_id for job_id, kind in waiting if (kind != "native") == training]
        assert [job_id for job_id in order if (kind_of[job_id] != "native") == training] == own
    held_back = [job_id for job_id, kind in waiting if kind != "native"][max(free, 0) :]
    assert order[len(order) - len(held_back) :] == held_back


async def test_worker_that_trains_is_nice_and_has_its_threads(make_bench: MakeBench) -> None:
    bench = await make_bench(train_niceness=7, train_threads=3)
    here = psutil.Process().nice()
    job = await bench.ended(await train(bench))
    assert job["result"]["niceness"] == max(here, 7)
    found = job["result"]["environment"]
    assert found["OMP_NUM_THREADS"] == "3"
    assert (found["OMP_WAIT_POLICY"], found["TOKENIZERS_PARALLELISM"]) == ("PASSIVE", "false")
    other = (await bench.ended(await bench.create()))["result"]
    assert other["niceness"] == here
    assert "OMP_WAIT_POLICY" not in other["environment"]


@pytest.mark.parametrize("where", ["here", "child"])
async def test_job_that_takes_too_much_memory_fails_with_the_reason(
    make_bench: MakeBench, where: str
) -> None:
    bench = await make_bench(train_memory_gb=0.4)
    job_id = await train(bench, ["log", "about to"], ["allocate", 600, where])
    pid = await bench.worker_pid(job_id)
    job = await bench.ended(job_id, seconds=30)
    assert job["status"] == "failed"
    assert "more than 0.4 GiB of memory" in job["error"]
    assert "smaller batchSize" in job["error"]
    assert (job["attempt"], job["exitCode"]) == (1, 1)
    assert [event.kind for event in await bench.history(job_id)][-1] == "job_failed"
    assert not is_running(pid)
    assert not [
        each for each in psutil.process_iter(["cmdline"]) if "held = bytes" in str(each.info["cmdline"])
    ]


async def test_job_within_its_memory_is_left_alone(make_bench: MakeBench) -> None:
    bench = await make_bench(train_memory_gb=0.4)
    job = await bench.ended(await train(bench, ["sleep", 1]))
    assert job["status"] == "completed"


def test_guard_looks_on_when_a_look_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    children = psutil.Process.children

    def failing(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        looks.append(1)
        if len(looks) == 1:
            raise ValueError("a line of /proc that nobody foresaw")
        return children(process, recursive)

    monkeypatch.setattr(psutil.Process, "children", failing)
    ended = threading.Event()
    watch_memory(1 << 20, lambda _: ended.set())
    assert ended.wait(10)


def test_held_memory_is_that_of_this_process() -> None:
    before = held_memory()
    kept = b"x" * (64 << 20)
    assert 60 << 20 < held_memory() - before < 80 << 20
    assert kept


async def test_newest_figures_are_in_the_record_of_a_running_job(bench: Bench, tmp_path: Path) -> None:
    first = {
        "currentIteration": 10,
        "totalIterations": 30,
        "loss": 1.5,
        "evalLoss": 1.7,
        "learningRate": 2e-4,
    }
    then = {
        "currentIteration": 11,
        "loss": 1.4,
        "tokensPerSecond": 510.5,
        "memoryBytes": 2**31,
        "etaSeconds": 9,
    }
    gate = str(tmp_path / "gate")
    job_id = await train(bench, ["figures", first], ["figures", then], ["wait_for", gate])
    job = await bench.until(job_id, lambda job: job["currentIteration"] == 11)
    shown = {key: job[key] for key in first | then}
    assert shown == first | then | {"learningRate": None}
    assert job["gradNorm"] is None
    (tmp_path / "gate").touch()
    assert (await bench.ended(job_id))["loss"] is None


async def test_completion_names_the_model_and_the_dataset(bench: Bench) -> None:
    made = {
        "modelId": "model-7",
        "outputDir": "/there",
        "adapterPath": "/there/adapter",
        "sourceModel": "small",
        "backend": "training",
    }
    job_id = await train(bench, result=made)
    job = await bench.ended(job_id)
    assert job["status"] == "completed", job["error"]
    said = (await bench.history(job_id))[-1].payload
    assert (said["kind"], said["jobId"]) == ("job_completed", job_id)
    assert (said["modelId"], said["datasetId"]) == ("model-7", DATASET)
    plain = await train(bench, ["fail", "no"])
    await bench.ended(plain)
    failed = (await bench.history(plain))[-1].payload
    assert (failed["datasetId"], "modelId" in failed) == (DATASET, False)


async def test_metrics_are_the_steps_of_the_job(bench: Bench) -> None:
    lines = [{"step": step, "loss": 2.0 - step / 10} for step in range(1, 6)]
    text = "".join(orjson.dumps(line).decode() + "\n" for line in lines) + '{"step": 6, "lo'
    job_id = await train(bench, ["write", "metrics.jsonl", text])
    await bench.ended(job_id)
    assert await bench.service.metrics(job_id) == lines
    assert await bench.service.metrics(job_id, 3) == lines[3:]
    assert await bench.service.metrics(job_id, 5) == []
    assert await bench.service.metrics(job_id, 0) == lines
    other = await bench.create()
    assert await bench.service.metrics(other) == []


async def test_long_metrics_are_thinned_evenly(bench: Bench) -> None:
    lines = [
        {"step": step, "loss": 1.0} | ({"evalLoss": 2.0} if step % 1000 == 7 else {}) for step in range(9_999)
    ]
    job_id = await train(
        bench, ["write", "metrics.jsonl", "\n".join(orjson.dumps(line).decode() for line in lines)]
    )
    await bench.ended(job_id)
    shown = await bench.service.metrics(job_id)
    assert MOST_POINTS * 0.8 < len(shown) <= MOST_POINTS
    steps = [line["step"] for line in shown]
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, 9_998)
    assert {line["step"] for line in lines if "evalLoss" in line} <= set(steps)


BEST = {"step": 40, "loss": 1.25, "baseLoss": 2.5, "evaluatedOn": "validation"}
ADAPTER = (["write", "best/adapter_model.safetensors", ""], ["write", "best/adapter_config.json", "{}"])


async def test_cancelled_training_shows_its_best_adapter(bench: Bench) -> None:
    script: list[list[Any]] = [
        *ADAPTER,
        ["write", "best/best.json", orjson.dumps(BEST).decode()],
        ["log", "kept"],
        ["sleep", 60],
    ]
    job_id = await train(bench, *script)
    await bench.until(job_id, lambda job: job["logs"] == ["kept"])
    job = await bench.service.cancel(job_id)
    assert job["status"] == "cancelled"
    assert job["bestSoFar"] == {**BEST, "path": str(bench.folder(job_id) / "best"), "decision": "not_gated"}
    said = (await bench.history(job_id))[-1]
    assert "validation loss 1.2500 against 2.5000 of the base model" in said.message
    assert "tested by nobody" in said.message
    assert said.payload["bestSoFar"] == job["bestSoFar"]


@pytest.mark.parametrize(
    "files",
    [
        [["write", "best/best.json", orjson.dumps(BEST).decode()]],
        [*ADAPTER, ["write", "best/best.json", '{"step": 4, "lo']],
        [*ADAPTER, ["write", "best/best.json", '{"step": "x", "loss": null}']],
        [*ADAPTER],
    ],
)
async def test_half_written_adapter_is_not_offered(bench: Bench, files: list[list[Any]]) -> None:
    job_id = await train(bench, *files, ["log", "kept"], ["sleep", 60])
    await bench.until(job_id, lambda job: job["logs"] == ["kept"])
    job = await bench.service.cancel(job_id)
    assert (job["status"], job["bestSoFar"]) == ("cancelled", None)
