"""The dry run: what a job would cost, without a job and without a call."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobs_bench import DATASET, Bench, MakeBench
from native_jobs import follows_rules, native_bench
from openai_peer import OpenAIPeer
from optimize_world import rows, write_dataset
from whetstone.errors import InvalidInputError, NotAvailableError
from whetstone.jobs.options import JobOptions

ORDER = {"datasetId": DATASET, "task": "should_respond", "dryRun": True}


@pytest.fixture
async def bench(make_bench: MakeBench, openai_peer: OpenAIPeer) -> Bench:
    prices = {"peer": {"input": 1.0, "output": 2.0}}
    return await native_bench(make_bench, openai_peer, follows_rules, rows(200), lm_prices=prices)


async def estimate(bench: Bench, **options: Any) -> dict[str, Any]:
    return await bench.service.estimate(JobOptions.parse({**ORDER, **options}))


async def test_estimate_tells_rows_calls_tokens_money_and_what_the_gate_can_find(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    told = await estimate(bench, optimizer="gepa", maxCalls=500, maxProposals=9)
    assert (told["task"], told["metric"], told["optimizer"]) == (
        "should_respond",
        "decision",
        "prompt-evolution",
    )
    assert told["rows"] == {"all": 200, "verified": 200, "train": 80, "validation": 40, "test": 80}
    assert told["calls"] == {"search": 340, "gate": 160, "total": 500}
    assert 0 < told["proposals"] <= 9
    assert told["models"] == {"task": "peer", "reflection": "peer"}
    assert told["tokens"] > 500
    assert told["usd"] == pytest.approx(told["tokens"] * 1.5e-6, rel=0.4)
    assert told["power"]["explanation"]
    assert told["limits"]["maxCalls"] == 500
    assert await bench.service.list() == []
    assert openai_peer.calls == []


async def test_estimate_of_a_usual_dataset_is_quick(bench: Bench) -> None:
    write_dataset(bench.datasets.directory(DATASET), rows(2000))
    await estimate(bench)  # imports what it needs
    started = time.monotonic()
    told = await estimate(bench, seed=1)
    assert told["rows"]["verified"] == 2000
    assert time.monotonic() - started < 20  # about one on an idle machine


async def test_model_without_a_price_has_no_estimate_in_money(
    make_bench: MakeBench, openai_peer: OpenAIPeer
) -> None:
    bench = await native_bench(make_bench, openai_peer, follows_rules)
    assert (await estimate(bench))["usd"] is None
    with pytest.raises(InvalidInputError, match="WHETSTONE_LM_PRICES"):
        await estimate(bench, maxCost=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"datasetId": None}, "needs a dataset"),
        ({"datasetId": "__auto__"}, "needs a dataset"),
        ({"datasetId": "dataset-0"}, "Dataset dataset-0 not found"),
        ({"optimizer": "magic"}, "not known"),
        ({"maxCalls": 20}, "budget is too small"),
        ({"optimizer": "gepa", "maxCalls": 183}, "at least 184 calls"),
        ({"optimizer": "gepa", "repeats": 16, "maxValidationRows": 8}, "effort light leaves it 96"),
        ({"confidence": 0.9999999999999999}, "confidence"),
        ({"task": None, "rubric": ["It is JSON."]}, "scored by 'decision'"),
        ({"task": "response"}, "0 of 0 rows are verified"),
        ({"backend": "quantum"}, "not available"),
    ],
)
async def test_dry_run_is_refused_for_what_the_job_would_be(
    bench: Bench, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        await estimate(bench, **options)


async def test_backend_without_an_estimate_has_no_dry_run(bench: Bench) -> None:
    with pytest.raises(NotAvailableError):
        await estimate(bench, backend="scripted")


async def test_what_a_job_spends_keeps_within_its_estimate(bench: Bench) -> None:
    options = {key: value for key, value in ORDER.items() if key != "dryRun"} | {"maxCalls": 400}
    told = await estimate(bench, maxCalls=400)
    job_id = (await bench.service.create(JobOptions.parse(options)))["id"]
    job = await bench.ended(job_id, seconds=90)
    assert job["status"] == "completed", job["error"]
    spent = job["result"]["budget"]["spent"]
    assert spent["gate"]["calls"] == told["calls"]["gate"]
    assert spent["search"]["calls"] <= told["calls"]["search"]
