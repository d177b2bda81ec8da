"""The loop through a running service: trajectories in, a proven better prompt out; and what crashes do to it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import psutil
import pytest

from live_service import LiveService, job_folder, wait_for
from openai_peer import OpenAIPeer
from support_desk import learning_model, trajectory
from whetstone.client import WhetstoneClient
from whetstone.settings import Settings

ROWS = 90
FINISHED = {"completed", "failed", "cancelled"}


@pytest.fixture
def service(settings: Settings, openai_peer: OpenAIPeer) -> Iterator[LiveService]:
    openai_peer.answer = learning_model
    remote = settings.model_copy(
        update={"lm_provider": "openai", "lm_base_url": openai_peer.base_url, "lm_model": "peer"}
    )
    with LiveService(remote) as live:
        yield live


def start_job(client: WhetstoneClient, **options: Any) -> str:
    client.record([trajectory(index) for index in range(ROWS)])
    dataset = client.build_dataset(limit=1000, minLlmCallsPerTrajectory=1)
    dataset = wait_for(
        lambda: (record := client.dataset(dataset["id"]))["status"] == "ready" and record,
        seconds=20,
        what="the dataset",
    )
    job = client.start_job(datasetId=dataset["id"], backend="native", task="should_respond", **options)
    assert job["status"] in {"pending", "running"}
    job_id: str = job["id"]
    return job_id


def finished(client: WhetstoneClient, job_id: str, seconds: float = 60) -> dict[str, Any]:
    record: dict[str, Any] = wait_for(
        lambda: (job := client.job(job_id))["status"] in FINISHED and job,
        seconds=seconds,
        what="the job's end",
    )
    return record


def worker_of(settings: Settings, job_id: str) -> psutil.Process | None:
    folder = str(job_folder(settings, job_id))
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if folder in command and "whetstone.jobs.worker" in command:
            return process
    return None


def paid_twice(peer: OpenAIPeer) -> list[int]:
    """How often each request that came more than once reached the language model."""
    counts = Counter(orjson.dumps(call.body, option=orjson.OPT_SORT_KEYS) for call in peer.calls)
    return [count for count in counts.values() if count > 1]


def test_a_better_prompt_is_found_proven_and_written(service: LiveService) -> None:
    check_the_loop(service)


async def test_the_loop_on_postgresql(
    settings: Settings, openai_peer: OpenAIPeer, fresh_postgresql_url: str
) -> None:
    openai_peer.answer = learning_model
    remote = {"lm_provider": "openai", "lm_base_url": openai_peer.base_url, "lm_model": "peer"}
    with LiveService(settings.model_copy(update={**remote, "database_url": fresh_postgresql_url})) as live:
        await asyncio.to_thread(check_the_loop, live)
    assert not (settings.state_dir / "whetstone.db").exists()


def check_the_loop(service: LiveService) -> None:
    with service.client() as client:
        job = finished(client, start_job(client))
        assert job["status"] == "completed", job
        assert job["progress"] == 1
        artifacts = sorted((service.settings.optimized_prompts_dir / "should_respond").glob("*.json"))
        artifact = json.loads(artifacts[-1].read_bytes())
        assert artifact["task"] == "should_respond"
        assert artifact["optimizer"] == "bootstrap-fewshot"
        assert artifact["fewShotExamples"]
        assert artifact["score"] > artifact["baselineScore"]
        assert artifact["promotionDecision"]["decision"] == "promoted"
        kinds = []
        for event in client.events(job["id"], after="evt-0"):
            kinds.append(event["payload"]["kind"])
            if kinds[-1] == "job_completed":
                break
        assert "job_started" in kinds
        assert "job_progress" in kinds


def test_a_killed_worker_is_resumed_and_pays_nothing_twice(
    service: LiveService, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.05
    with service.client() as client:
        job_id = start_job(client)
        wait_for(lambda: len(openai_peer.calls) > 20, seconds=20, what="the search")
        worker = worker_of(service.settings, job_id)
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        asked = len(openai_peer.calls)
        wait_for(lambda: len(openai_peer.calls) > asked + 5, seconds=10, what="the resumed search")
        openai_peer.latency = 0
        job = finished(client, job_id)
        assert job["status"] == "completed", job
        assert job["attempt"] == 2
        # Only what was in flight at the moment of the kill may be asked again.
        assert sum(count - 1 for count in paid_twice(openai_peer)) <= service.settings.lm_concurrency


def test_a_killed_server_finds_its_job_again(service: LiveService, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.05
    with service.client() as client:
        job_id = start_job(client)
        wait_for(lambda: len(openai_peer.calls) > 20, seconds=20, what="the search")
    service.kill()
    asked = len(openai_peer.calls)
    wait_for(lambda: len(openai_peer.calls) > asked, seconds=10, what="the worker's going on alone")
    service.start()
    openai_peer.latency = 0
    with service.client() as client:
        job = finished(client, job_id)
        assert job["status"] == "completed", job
        assert job["attempt"] == 1
    assert paid_twice(openai_peer) == []


def test_a_server_and_worker_killed_together_resume(service: LiveService, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.05
    with service.client() as client:
        job_id = start_job(client)
        wait_for(lambda: len(openai_peer.calls) > 20, seconds=20, what="the search")
        worker = worker_of(service.settings, job_id)
    service.kill()
    assert worker is not None
    worker.kill()
    openai_peer.latency = 0
    service.start()
    with service.client() as client:
        job = finished(client, job_id)
        assert job["status"] == "completed", job
    assert sum(count - 1 for count in paid_twice(openai_peer)) <= service.settings.lm_concurrency


def test_cancelling_ends_the_worker_at_once(service: LiveService, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.2
    with service.client() as client:
        job_id = start_job(client)
        wait_for(lambda: openai_peer.calls, seconds=20, what="the search")
        client.cancel_job(job_id)
        job = finished(client, job_id, seconds=5)
        assert job["status"] == "cancelled"
        wait_for(lambda: worker_of(service.settings, job_id) is None, seconds=5, what="the worker's end")
        assert client.cancel_job(job_id)["status"] == "cancelled"


def test_without_verified_rows_the_job_says_what_to_do(service: LiveService) -> None:
    with service.client() as client:
        client.record([trajectory(index, gold=False) for index in range(ROWS)])
        job = client.start_job(backend="native", task="should_respond")
        job = finished(client, job["id"])
        assert job["status"] == "failed"
        assert "correction" in job["error"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tutorial_by_curl(service: LiveService) -> None:
    """Steps 1 to 5 of the specification's tutorial: its paths, headers and bodies, with the native backend."""

    def curl(method: str, path: str, body: str | None = None) -> Any:
        data = ["-H", "Content-Type: application/json", "-d", body] if body else []
        command = [
            "curl",
            "-sS",
            "-X",
            method,
            service.url + path,
            "-H",
            "Authorization: Bearer your-token",
            *data,
        ]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    with service.client() as client:
        two_calls = [trajectory(index) for index in range(ROWS)]
        for each in two_calls:
            step = each["steps"][0]
            step["llmCalls"].append(
                {
                    **step["llmCalls"][0],
                    "callId": f"{each['id']}-reply",
                    "purpose": "response",
                    "correction": "Sure.",
                }
            )
        client.record(two_calls)

    status = curl("GET", "/api/training/status")
    assert status["runtimeAvailable"] is True
    assert status["trajectoryCount"] == ROWS
    assert status["jobCount"] == 0
    page = curl("GET", "/api/training/trajectories?limit=10&offset=0")
    assert len(page["trajectories"]) == 10
    dataset = curl("POST", "/api/training/datasets/build", '{"limit": 500, "minLlmCallsPerTrajectory": 2}')[
        "dataset"
    ]
    assert dataset["id"].startswith("dataset-")
    assert {"trajectoryCount", "createdAt"} <= dataset.keys()
    job = curl("POST", "/api/training/jobs", json.dumps({"datasetId": dataset["id"], "backend": "native"}))[
        "job"
    ]
    assert job["status"] in {"pending", "running"}
    job = wait_for(
        lambda: (
            (record := curl("GET", f"/api/training/jobs/{job['id']}")["job"])["status"] in FINISHED and record
        ),
        seconds=60,
        what="the job's end",
    )
    assert job["status"] == "completed", job
