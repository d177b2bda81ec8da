"""Cancelling a native job: fast wherever it is, and what it had found is kept and marked."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from jobs_bench import Bench, MakeBench, is_running
from lm_tools import wait_until
from native_jobs import follows_rules, is_reflection, is_test_row, native_bench, start
from openai_peer import Messages, OpenAIPeer
from optimize_world import learns_from_turns
from whetstone.prompts.artifact import parse

# Under a second by itself; a machine that is busy with other tests gets more.
LONGEST_SECONDS = 3.0
_log = logging.getLogger(__name__)


@pytest.fixture
async def bench(make_bench: MakeBench, openai_peer: OpenAIPeer) -> Bench:
    openai_peer.latency = 0.4
    return await native_bench(make_bench, openai_peer, learns_from_turns)


async def cancelled(bench: Bench, job_id: str) -> dict[str, Any]:
    """Cancel the job and see that it was fast and left nobody behind."""
    pid = await bench.worker_pid(job_id)
    started = time.monotonic()
    job = await bench.service.cancel(job_id)
    seconds = time.monotonic() - started
    _log.info("cancelled after %.3f s", seconds)
    assert seconds < LONGEST_SECONDS
    assert not is_running(pid)
    assert (job["status"], job["signal"] in (None, "SIGTERM"), job["error"]) == ("cancelled", True, None)
    assert job["result"] is None
    return job


def asked(peer: OpenAIPeer, count: int) -> Any:
    return lambda: len(peer.calls) >= count


async def test_cancel_at_the_start(bench: Bench) -> None:
    job_id = await start(bench)
    job = await cancelled(bench, job_id)
    assert job["bestSoFar"] is None
    assert (await bench.history(job_id))[-1].message == "Job cancelled"


async def test_cancel_while_the_data_is_read(bench: Bench) -> None:
    job_id = await start(bench)
    await bench.until(job_id, lambda job: job["phase"] == "loading_data")
    job = await cancelled(bench, job_id)
    assert job["bestSoFar"] is None


async def test_cancel_in_the_search(bench: Bench, openai_peer: OpenAIPeer) -> None:
    job_id = await start(bench)
    await wait_until(asked(openai_peer, 12))
    in_flight = openai_peer.in_flight
    await cancelled(bench, job_id)
    await wait_until(lambda: openai_peer.in_flight == 0)
    assert in_flight > 0, "it was cancelled while calls were under way"
    told = len(openai_peer.calls)
    await asyncio.sleep(0.3)
    assert len(openai_peer.calls) == told


@pytest.mark.parametrize("optimizer", ["instruction-search", "prompt-evolution"])
async def test_cancel_in_a_reflection(bench: Bench, openai_peer: OpenAIPeer, optimizer: str) -> None:
    openai_peer.answer, openai_peer.latency = follows_rules, 0.1
    job_id = await start(bench, optimizer=optimizer)
    await wait_until(lambda: any(is_reflection(call.messages) for call in openai_peer.calls[:]), seconds=60)
    assert openai_peer.in_flight > 0
    await cancelled(bench, job_id)


async def test_cancel_of_a_search_that_had_found_something_keeps_it(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer, openai_peer.latency = follows_rules, 0.03
    job_id = await start(bench, optimizer="prompt-evolution")
    await bench.until(
        job_id, lambda job: (job["bestScore"] or 0) > 0 and job["phase"] == "searching", seconds=60
    )
    job = await cancelled(bench, job_id)
    assert job["bestSoFar"]["score"] > job["bestSoFar"]["baselineScore"]
    assert "kept, not gated" in (await bench.history(job_id))[-1].message


async def test_cancel_in_the_gate_keeps_the_best_and_says_that_nobody_has_tested_it(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    def slow_in_the_gate(messages: Messages) -> str:
        if is_test_row(messages):
            openai_peer.latency = 0.4
        return learns_from_turns(messages)

    openai_peer.answer, openai_peer.latency = slow_in_the_gate, 0.02
    job_id = await start(bench)
    await bench.until(job_id, lambda job: job["phase"] == "validating", seconds=60)
    job = await cancelled(bench, job_id)
    best = job["bestSoFar"]
    assert best["path"] == str(bench.folder(job_id) / "best-so-far.json")
    assert (best["decision"], best["evaluatedOn"]) == ("not_gated", "validation")
    assert best["score"] > best["baselineScore"]
    artifact = parse((bench.folder(job_id) / "best-so-far.json").read_bytes())
    assert artifact.promotion_decision is not None
    assert artifact.promotion_decision["decision"] == "not_gated"
    assert artifact.promotion_decision["promote"] is False
    final = (await bench.history(job_id))[-1]
    assert (final.kind, final.payload["bestSoFar"]) == ("job_cancelled", best)
    assert "kept, not gated" in final.message
    assert f"{best['score']:.3f}" in final.message
    assert not (bench.settings.optimized_prompts_dir / "should_respond" / "current").exists()
