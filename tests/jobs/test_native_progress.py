"""What a person sees of a native job while it runs: figures, and the edits with their reasons."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from jobs_bench import Bench, MakeBench
from native_jobs import RULES, follows_rules, native_bench, start
from openai_peer import OpenAIPeer
from optimize_world import SYSTEM, learns_from_turns


@pytest.fixture
async def bench(make_bench: MakeBench, openai_peer: OpenAIPeer) -> Bench:
    return await native_bench(make_bench, openai_peer, learns_from_turns)


async def test_figures_of_a_running_job_are_in_its_record_and_events(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.05
    job_id = await start(bench)
    job = await bench.until(job_id, lambda job: job["bestScore"] is not None, seconds=60)
    assert 0 <= job["bestScore"] <= 1
    assert 0 < job["budgetUsed"]["calls"] <= job["budgetUsed"]["maxCalls"]
    openai_peer.latency = 0.0
    done = await bench.ended(job_id, seconds=60)
    assert (done["bestScore"], done["budgetUsed"], done["etaSeconds"]) == (None, None, None)
    told = [event.payload for event in await bench.history(job_id) if "bestScore" in event.payload]
    assert [payload["budgetUsed"]["calls"] for payload in told] == sorted(
        payload["budgetUsed"]["calls"] for payload in told
    )
    spent = done["result"]["budget"]["spent"]
    assert told[-1]["budgetUsed"]["calls"] == spent["search"]["calls"] + spent["gate"]["calls"]
    assert any(payload.get("etaSeconds", -1) >= 0 for payload in told)
    texts = orjson.dumps([event.payload for event in await bench.history(job_id)]).decode()
    assert "fern please help" not in texts, "no row's text in an event"


async def test_accepted_edits_are_told_with_diff_hypothesis_and_evidence(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = follows_rules
    baseline = f"{SYSTEM}\n{RULES['IGNORE']}"
    job_id = await start(bench, optimizer="prompt-evolution", baseline=baseline)
    job = await bench.ended(job_id, seconds=90)
    assert job["status"] == "completed", job["error"]
    payloads: list[dict[str, Any]] = [dict(event.payload) for event in await bench.history(job_id)]
    edits = [payload["edit"] for payload in payloads if "edit" in payload]
    assert any(edit["evidenceRowIds"] and edit["minibatchDelta"] > 0 for edit in edits)
    assert any(rule in edit["diff"] for edit in edits for rule in RULES.values())
    hypotheses = [payload["hypothesis"] for payload in payloads if "hypothesis" in payload]
    assert "A rule is missing." in hypotheses
    assert any("step" in payload for payload in payloads)
    texts = orjson.dumps(payloads).decode()
    assert "fern please help" not in texts, "no row's text in an event"
