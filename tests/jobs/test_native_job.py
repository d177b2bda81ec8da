"""The real backend as a job: a worker that optimizes a prompt against an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

import orjson
import pytest
from pydantic import SecretStr

from jobs_bench import DATASET, Bench, MakeBench
from openai_peer import Messages, OpenAIPeer
from whetstone.jobs.options import JobOptions

_CUES = {"RESPOND": "please help", "IGNORE": "see you later"}


def _decision(messages: Messages) -> str:
    """Right once it is shown how to answer; before, it chats."""
    shown = any("action" in str(message["content"]) for message in messages[:-1])
    question = str(messages[-1]["content"])
    label = next(label for label, cue in _CUES.items() if cue in question)
    return orjson.dumps({"action": label}).decode() if shown else "Hello!"


def _write_dataset(bench: Bench) -> None:
    rows = []
    for number in range(60):
        label = list(_CUES)[number % 2]
        rows.append(
            {
                "format": "eliza_native_v1",
                "schemaVersion": 1,
                "trajectoryId": f"t-{number}",
                "callId": f"c-{number}",
                "request": {"system": "Decide.", "prompt": f"order {number * 7919} {_CUES[label]}"},
                "response": {"text": orjson.dumps({"action": label}).decode()},
                "metadata": {
                    "task_type": "should_respond",
                    "expected_from": "correction",
                    "verified": True,
                    "label": label,
                    "split": ("train", "validation", "test")[number % 3],
                    "group": f"g-{number}",
                },
            }
        )
    folder = bench.datasets.directory(DATASET)
    folder.mkdir(parents=True)
    lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    (folder / "should_respond_trajectories.jsonl").write_bytes(lines)


@pytest.fixture
async def native_bench(make_bench: MakeBench, openai_peer: OpenAIPeer) -> Bench:
    openai_peer.answer = _decision
    bench = await make_bench(
        lm_provider="openai",
        lm_base_url=openai_peer.base_url,
        lm_model="peer",
        lm_api_key=SecretStr("key of the peer"),
    )
    _write_dataset(bench)
    return bench


async def test_killed_native_job_ends_without_paying_twice(
    native_bench: Bench, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.03
    options = JobOptions.parse({"datasetId": DATASET, "task": "should_respond", "seed": 1})
    job_id = (await native_bench.service.create(options))["id"]
    pid = await native_bench.worker_pid(job_id)
    while len(openai_peer.calls) < 40:  # noqa: ASYNC110 (the peer lives in another thread)
        await asyncio.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    job = await native_bench.ended(job_id, seconds=60)
    assert (job["status"], job["attempt"], job["error"]) == ("completed", 2, None)
    assert job["result"]["decision"] in ("promoted", "inconclusive", "rejected")
    assert (await native_bench.history(job_id))[-1].message == job["result"]["explanation"]
    asked = Counter(orjson.dumps(call.body) for call in openai_peer.calls)
    repeated = sum(asked.values()) - len(asked)
    assert repeated <= native_bench.settings.lm_concurrency  # those whose answers the kill cut off


async def test_native_job_on_a_missing_folder_fails_in_words(native_bench: Bench) -> None:
    folder = native_bench.datasets.directory(DATASET)
    (folder / "should_respond_trajectories.jsonl").unlink()
    options = JobOptions.parse({"datasetId": DATASET, "task": "should_respond"})
    job_id = (await native_bench.service.create(options))["id"]
    job = await native_bench.ended(job_id, seconds=60)
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"]
    assert "output.log" not in job["error"]
