"""kill -9 at random moments: the resumed job ends like an uninterrupted one, and pays for nothing twice."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from jobs_bench import DATASET, Bench
from lm_tools import wait_until
from native_jobs import follows_rules, start
from openai_peer import OpenAIPeer
from optimize_world import rows, write_dataset
from whetstone.settings import Settings

WIDTH = 8
SEEDS = (0, 1, 2)
KILLS_A_JOB = 3
_PASSING = {"latency_ms", "cached", "latencyMs", "generatedAt", "elapsedSeconds"}
_log = logging.getLogger(__name__)


@asynccontextmanager
async def service(folder: Path, settings: Settings, peer: OpenAIPeer) -> AsyncIterator[Bench]:
    """A job service with a state folder, a database and an LM cache of its own."""
    changes = {
        "state_dir": folder / "state",
        "lm_provider": "openai",
        "lm_base_url": peer.base_url,
        "lm_model": "peer",
        "lm_concurrency": WIDTH,
        "lm_max_retries": 2,
        "max_job_attempts": KILLS_A_JOB + 1,
    }
    async with Bench.opened(settings.model_copy(update=changes), folder) as bench:
        write_dataset(bench.datasets.directory(DATASET), rows(60))
        yield bench


async def whole_job(bench: Bench, optimizer: str, seed: int) -> str:
    shutil.rmtree(bench.settings.optimized_prompts_dir, ignore_errors=True)
    return await start(bench, optimizer=optimizer, seed=seed, maxCalls=400, maxProposals=20)


async def killed_job(
    bench: Bench, peer: OpenAIPeer, optimizer: str, seed: int, moments: list[int]
) -> tuple[str, list[int]]:
    """The job, and how many calls were in flight at each kill."""
    begun, kills = len(peer.calls), []
    job_id = await whole_job(bench, optimizer, seed)
    pid = 0
    for moment in moments:
        pid = await bench.worker_pid(job_id, other_than=pid)
        wanted = begun + moment
        await wait_until(lambda n=wanted: len(peer.calls) >= n or has_ended(bench, job_id))  # type: ignore[misc]
        if has_ended(bench, job_id):
            break
        kills.append(peer.in_flight)
        os.kill(pid, signal.SIGKILL)
    return job_id, kills


def has_ended(bench: Bench, job_id: str) -> bool:
    path = bench.folder(job_id) / "events.jsonl"
    events = path.read_bytes() if path.exists() else b""
    return any(kind in events for kind in (b'"job_completed"', b'"job_failed"'))


def journal(bench: Bench, job_id: str) -> list[Any]:
    """What the job did, step by step, without clocks."""
    lines = (bench.folder(job_id) / "journal.jsonl").read_bytes().splitlines()
    steps = [orjson.loads(line) for line in lines]
    return [
        (step["step"], step["kind"], timeless(step["data"]))
        for step in steps
        if step["kind"] not in ("header", "result")
    ]


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in _PASSING}
    if isinstance(value, list):
        items = [timeless(item) for item in value]
        return sorted(items, key=orjson.dumps) if all(isinstance(item, dict) for item in items) else items
    return value


def essence(result: dict[str, Any]) -> dict[str, Any]:
    """A job's result without clocks and places."""
    kept = {key: value for key, value in result.items() if key not in ("budget", "artifactPath")}
    spent = result["budget"]["spent"]
    kept["spent"] = {name: timeless(account) | {"cacheHits": 0} for name, account in spent.items()}
    return kept


def paid_again(peer: OpenAIPeer, since: int) -> int:
    """Requests that were sent before, word for word."""
    asked = Counter(orjson.dumps(call.body) for call in peer.calls[since:])
    return sum(asked.values()) - len(asked)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["bootstrap-fewshot", "instruction-search", "prompt-evolution", "auto"])
async def test_killed_jobs_end_like_uninterrupted_ones(
    optimizer: str, tmp_path: Path, settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = follows_rules
    openai_peer.latency = 0.01
    wanted, lengths = {}, {}
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    async with service(folders[0], settings, openai_peer) as bench:
        for seed in SEEDS:
            begun = len(openai_peer.calls)
            job = await bench.ended(job_id := await whole_job(bench, optimizer, seed), seconds=120)
            assert job["status"] == "completed", job["error"]
            wanted[seed] = essence(job["result"]), journal(bench, job_id)
            lengths[seed] = len(openai_peer.calls) - begun
    alike, since = paid_again(openai_peer, 0), len(openai_peer.calls)
    rng, in_flight = random.Random(f"kill {optimizer}"), []
    async with service(folders[1], settings, openai_peer) as bench:
        for seed in SEEDS:
            moments = sorted(rng.randrange(max(lengths[seed], 1)) for _ in range(KILLS_A_JOB))
            job_id, kills = await killed_job(bench, openai_peer, optimizer, seed, moments)
            job = await bench.ended(job_id, seconds=120)
            assert (job["status"], job["attempt"]) == ("completed", len(kills) + 1), job["error"]
            assert essence(job["result"]) == wanted[seed][0]
            assert journal(bench, job_id) == wanted[seed][1]
            in_flight += kills
    again = paid_again(openai_peer, since) - alike
    _log.info(
        "%s: %d kills, %d calls in flight, %d asked again", optimizer, len(in_flight), sum(in_flight), again
    )
    assert len(in_flight) >= len(SEEDS) * KILLS_A_JOB - 2
    assert again <= len(in_flight) * WIDTH, "only what a kill cut off is asked again"
