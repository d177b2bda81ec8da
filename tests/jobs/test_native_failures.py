"""What a native job makes of an endpoint that misbehaves: a clear reason, never a wrong score, no budget lost."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from jobs_bench import Bench, MakeBench
from native_jobs import follows_rules, is_reflection, is_test_row, native_bench, start
from openai_peer import Messages, OpenAIPeer, Reply

_OVERFLOW = {
    "error": {
        "message": "This model's maximum context length is 100 tokens. However, you requested 900 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
}
ALWAYS = 2000  # more requests than any of these jobs makes

FAULTS: dict[str, tuple[Reply, str]] = {
    "rate limit": (Reply(status=429, headers={"Retry-After": "0"}), r"429|rate of requests"),
    "server fault": (Reply(status=500), r"500"),
    "no answer in time": (Reply(hang=True), r"in time|timed out|seconds"),
    "half an answer": (Reply(partial=20, disconnect=True), r"broke|lost|closed|incomplete|connection"),
    "half an answer, then silence": (Reply(partial=20, hang=True), r"in time|timed out|seconds"),
    "lost connection": (Reply(disconnect=True), r"broke|lost|closed|disconnect|connection"),
    "no JSON": (Reply(body=b'{"choices": [{"mess'), r"JSON|chat completion"),
    "another JSON": (Reply(body=b'{"hello": 1}'), r"chat completion|any choice"),
    "context overflow": (Reply(status=400, body=orjson.dumps(_OVERFLOW)), r"context"),
    "wrong key": (Reply(status=401), r"401|key"),
}

_LIKE_OTHERS = ("server fault", "half an answer", "lost connection", "another JSON", "wrong key")


@pytest.fixture
async def bench(make_bench: MakeBench, openai_peer: OpenAIPeer) -> Bench:
    return await native_bench(
        make_bench, openai_peer, follows_rules, lm_max_retries=1, lm_timeout_seconds=0.6, max_job_attempts=2
    )


def always(peer: OpenAIPeer, reply: Reply) -> None:
    peer.script(*([reply] * ALWAYS))


@pytest.mark.parametrize(
    "fault",
    [
        "rate limit",
        "no answer in time",
        "no JSON",
        "context overflow",
        "half an answer, then silence",
        *(pytest.param(fault, marks=pytest.mark.slow) for fault in _LIKE_OTHERS),
    ],
)
async def test_endpoint_that_never_answers_fails_the_job_with_its_reason(
    bench: Bench, openai_peer: OpenAIPeer, fault: str
) -> None:
    reply, reason = FAULTS[fault]
    always(openai_peer, reply)
    job = await bench.ended(await start(bench), seconds=60)
    assert (job["status"], job["attempt"], job["result"], job["bestSoFar"]) == ("failed", 1, None, None)
    assert_sentence(job["error"], reason)
    assert len(openai_peer.calls) < 100, "it gives up soon"


def assert_sentence(error: str, pattern: str) -> None:
    assert re.search(pattern, error, re.IGNORECASE), error
    assert "output.log" not in error


async def test_what_was_answered_before_the_endpoint_broke_is_not_paid_again(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    def breaks(messages: Messages) -> str:
        if len(openai_peer.calls) > 60:
            raise ValueError("the endpoint is broken")
        return follows_rules(messages)

    openai_peer.answer = breaks
    broken = await bench.ended(await start(bench), seconds=60)
    assert broken["status"] == "failed"
    assert_sentence(broken["error"], "the endpoint is broken")
    openai_peer.answer = follows_rules
    job = await bench.ended(await start(bench), seconds=60)
    assert job["status"] == "completed", job["error"]
    hits = sum(account["cacheHits"] for account in job["result"]["budget"]["spent"].values())
    assert hits >= 50


async def test_endpoint_that_breaks_in_the_gate_leaves_the_best_so_far(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    def breaks_in_the_gate(messages: Messages) -> str:
        if is_test_row(messages):
            raise ValueError("the endpoint is broken")
        return follows_rules(messages)

    openai_peer.answer = breaks_in_the_gate
    job_id = await start(bench)
    job = await bench.ended(job_id, seconds=60)
    assert (job["status"], job["result"]) == ("failed", None)
    assert_sentence(job["error"], "the endpoint is broken")
    assert job["bestSoFar"]["decision"] == "not_gated"
    assert job["bestSoFar"]["score"] > job["bestSoFar"]["baselineScore"]
    assert (await bench.history(job_id))[-1].payload["bestSoFar"] == job["bestSoFar"]


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param([Reply(status=429, headers={"Retry-After": "0"})], id="429"),
        pytest.param([Reply(status=503)], id="503", marks=pytest.mark.slow),
        pytest.param([Reply(disconnect=True)], id="disconnect", marks=pytest.mark.slow),
        pytest.param([Reply(partial=20, disconnect=True)], id="half", marks=pytest.mark.slow),
    ],
)
async def test_storm_that_passes_changes_nothing(
    make_bench: MakeBench, openai_peer: OpenAIPeer, storm: Sequence[Reply]
) -> None:
    bench = await native_bench(make_bench, openai_peer, follows_rules, lm_max_retries=6, lm_cache=False)
    calm = await bench.ended(await start(bench, seed=4), seconds=60)
    shutil.rmtree(bench.settings.optimized_prompts_dir)  # what the first job promoted
    openai_peer.script(*[each for _ in range(12) for each in (*storm, Reply())])
    rough = await bench.ended(await start(bench, seed=4), seconds=90)
    assert rough["status"] == "completed", rough["error"]
    assert essence(rough["result"]) == essence(calm["result"])


def essence(result: dict[str, Any]) -> dict[str, Any]:
    spent = result["budget"]["spent"]
    names = ("baselineScore", "score", "rows", "candidatesTried")
    return {name: result[name] for name in names} | {
        purpose: (account["calls"], account["promptTokens"]) for purpose, account in spent.items()
    }


@pytest.mark.parametrize("optimizer", ["bootstrap-fewshot", "instruction-search", "prompt-evolution"])
async def test_rows_that_fail_make_no_low_score(
    bench: Bench, openai_peer: OpenAIPeer, optimizer: str
) -> None:
    """Every fifth row is refused: far more than the 2 % that an evaluation bears."""

    def picky(messages: Messages) -> str:
        if not is_reflection(messages) and int(messages[-1]["content"].split()[-1]) % 5 in (1, 2):
            raise ValueError("not this one")
        return follows_rules(messages)

    openai_peer.answer = picky
    job = await bench.ended(await start(bench, optimizer=optimizer), seconds=60)
    assert (job["status"], job["result"]) == ("failed", None)
    assert_sentence(job["error"], r"\d+ of \d+ calls failed \(at most 2")


async def test_empty_answers_promote_nothing(bench: Bench, openai_peer: OpenAIPeer) -> None:
    openai_peer.answer = lambda _messages: ""
    job = await bench.ended(await start(bench), seconds=60)
    if job["status"] == "failed":
        assert_sentence(job["error"], "empty|no text|nothing")
    else:
        assert job["result"]["decision"] in ("inconclusive", "rejected")
        assert job["result"]["score"] == job["result"]["baselineScore"] == 0


async def test_reflection_model_that_is_down_is_named(bench: Bench, openai_peer: OpenAIPeer) -> None:
    def half_down(messages: Messages) -> str:
        if is_reflection(messages):
            raise ValueError("no thoughts today")
        return follows_rules(messages)

    openai_peer.answer = half_down
    job = await bench.ended(await start(bench, optimizer="prompt-evolution", maxProposals=8), seconds=60)
    assert (job["status"], job["result"]) == ("failed", None)
    assert_sentence(job["error"], "reflection model gave no answer.*no thoughts today")
