from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lm_tools import wait_until
from openai_peer import OpenAIPeer, Reply
from optimize_world import answer, demonstrated_turns, learns_from_turns, peer_settings, right_decision, rows
from whetstone.lm.client import LMClient
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.metrics import Answer, get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.rows.examples import parse_row
from whetstone.optimize.spec import BudgetLimits
from whetstone.settings import Settings

EXAMPLES = [parse_row(row) for row in rows(60)]
BARE = Candidate("Decide.")
TAUGHT = Candidate("Decide.", tuple(demonstration(example) for example in EXAMPLES[:3]), "turns")
JUDGED = EXAMPLES[10:]


def dollars(prompt_tokens: int, completion_tokens: int) -> float:
    """A price: one dollar per million prompt tokens, two for completions."""
    return (prompt_tokens + 2 * completion_tokens) / 1_000_000


class Bench:
    """An evaluator with its parts, on the peer."""

    def __init__(self, settings: Settings, journal: Journal, **limits: Any) -> None:
        self.client = LMClient.from_settings(settings)
        width = settings.lm_concurrency
        calls = limits.pop("calls", 1000)
        self.ledger = Ledger(
            BudgetLimits(**limits), search_calls=calls, gate_calls=0, width=width, tariffs={"search": dollars}
        )
        scorer = MetricScorer("decision", get_metric("decision"))
        self.evaluator = Evaluator(self.client, scorer, journal, self.ledger, width=width)


@pytest.fixture
def lm_settings(settings: Settings, openai_peer: OpenAIPeer) -> Settings:
    openai_peer.answer = learns_from_turns
    return peer_settings(settings, openai_peer)


@pytest.fixture
async def bench(lm_settings: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Journal(tmp_path / "journal.jsonl", {}) as journal:
        made = Bench(lm_settings, journal)
        async with made.client:
            yield made


async def test_every_row_has_its_result(bench: Bench) -> None:
    seen: list[tuple[int, int]] = []
    result = await bench.evaluator.evaluate(
        "step",
        [(BARE, JUDGED), (TAUGHT, JUDGED)],
        on_row=lambda _candidate, _row, done, wanted: seen.append((done, wanted)),
    )
    bare, taught = result.evaluations[BARE.id], result.evaluations[TAUGHT.id]
    assert (bare.mean, taught.mean) == (0.0, 1.0)
    assert [row.example for row in taught.rows] == [example.id for example in JUDGED]
    assert all(row.prompt_tokens > 0 and row.feedback for row in bare.rows)
    assert seen == [(n, 100) for n in range(1, 101)]
    assert bench.ledger.search.calls == 100


async def test_nothing_is_asked_twice(bench: Bench, openai_peer: OpenAIPeer) -> None:
    await bench.evaluator.evaluate("first", [(TAUGHT, JUDGED[:20])])
    result = await bench.evaluator.evaluate("second", [(TAUGHT, JUDGED[:30])])
    assert len(openai_peer.calls) == 30
    assert len(result.evaluations[TAUGHT.id].rows) == 30
    assert bench.ledger.search.calls == 30


async def test_requests_go_out_candidate_by_candidate(bench: Bench, openai_peer: OpenAIPeer) -> None:
    await bench.evaluator.evaluate("step", [(BARE, JUDGED), (TAUGHT, JUDGED)])
    shown = [bool(demonstrated_turns(call.messages)) for call in openai_peer.calls]
    width = bench.evaluator.width
    assert sum(shown[: len(JUDGED)]) <= width, "only requests in flight together may change places"
    assert openai_peer.max_in_flight <= width


async def test_one_failure_in_fifty_is_left_out_of_the_mean(bench: Bench, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=400))
    result = await bench.evaluator.evaluate("step", [(TAUGHT, JUDGED)])
    evaluation = result.evaluations[TAUGHT.id]
    assert (evaluation.failed, evaluation.valid, evaluation.mean) == (1, True, 1.0)


async def test_failures_are_weighed_against_all_rows_also_those_of_earlier_steps(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    await bench.evaluator.evaluate("first", [(TAUGHT, JUDGED[:40])])
    openai_peer.script(Reply(status=400))
    result = await bench.evaluator.evaluate("second", [(TAUGHT, JUDGED)])
    evaluation = result.evaluations[TAUGHT.id]
    assert (evaluation.failed, evaluation.valid) == (1, True)
    assert len(openai_peer.calls) == len(JUDGED)


async def test_more_failures_make_the_evaluation_invalid_not_low(
    bench: Bench, openai_peer: OpenAIPeer
) -> None:
    def fails_on_stop(messages: list[dict[str, str]]) -> str:
        decision = right_decision(messages[-1]["content"])
        if decision == "STOP":
            raise ValueError("out of order")
        return answer(decision)

    openai_peer.answer = fails_on_stop
    result = await bench.evaluator.evaluate("step", [(TAUGHT, JUDGED)])
    evaluation = result.evaluations[TAUGHT.id]
    assert not evaluation.valid
    with pytest.raises(InvalidEvaluationError, match="out of order"):
        evaluation.require_valid("The prompt")
    assert len(openai_peer.calls) < len(JUDGED), "the rest of a hopeless evaluation is not paid for"


async def test_a_dead_endpoint_ends_the_step_at_once(
    bench: Bench, openai_peer: OpenAIPeer, tmp_path: Path
) -> None:
    openai_peer.script(*[Reply(status=401)] * 1000)
    with pytest.raises(InvalidEvaluationError, match="401"):
        await bench.evaluator.evaluate("step", [(BARE, JUDGED), (TAUGHT, JUDGED)])
    assert len(openai_peer.calls) <= 2 * bench.evaluator.width
    assert b"evaluation" not in (tmp_path / "journal.jsonl").read_bytes()


async def test_an_exhausted_budget_stops_cleanly(
    lm_settings: Settings, tmp_path: Path, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.01
    async with Journal(tmp_path / "journal.jsonl", {}) as journal:
        bench = Bench(lm_settings, journal, calls=70)
        async with bench.client:
            result = await bench.evaluator.evaluate("step", [(BARE, JUDGED), (TAUGHT, JUDGED)])
    assert result.stopped == "budget_calls"
    assert len(openai_peer.calls) == 70
    assert result.evaluations[BARE.id].valid
    assert not result.evaluations[TAUGHT.id].complete


@pytest.mark.parametrize(("limit", "value"), [("max_tokens", 4000), ("max_cost", 0.004)])
async def test_tokens_and_money_are_never_overshot_and_used_to_the_last_call(
    limit: str, value: float, lm_settings: Settings, tmp_path: Path, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.005
    async with Journal(tmp_path / "journal.jsonl", {}) as journal:
        bench = Bench(lm_settings, journal, **{limit: value})
        async with bench.client:
            result = await bench.evaluator.evaluate("step", [(BARE, JUDGED), (TAUGHT, JUDGED)])
    spent = {"max_tokens": bench.ledger.tokens(), "max_cost": bench.ledger.cost()}[limit]
    assert result.stopped == f"budget_{limit.removeprefix('max_')}"
    assert 0.75 * value < spent <= value


async def test_each_repeat_is_an_answer_of_its_own(bench: Bench, openai_peer: OpenAIPeer) -> None:
    numbers = iter(range(1000))
    openai_peer.answer = lambda _messages: answer("RESPOND" if next(numbers) % 2 else "STOP")
    result = await bench.evaluator.evaluate("step", [(BARE, JUDGED[:10])], repeats=3)
    evaluation = result.evaluations[BARE.id]
    assert len(openai_peer.calls) == len(evaluation.rows) == evaluation.wanted == 30
    assert evaluation.valid
    assert len(evaluation.by_example()) == 10
    assert evaluation.mean == pytest.approx(sum(evaluation.by_example().values()) / 10)
    assert bench.evaluator.cost([(BARE, JUDGED[:11])], repeats=3) == 3


async def test_a_failed_call_gives_its_room_back(bench: Bench, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=400))
    await bench.evaluator.evaluate("step", [(TAUGHT, JUDGED)])
    assert (bench.ledger.search.calls, bench.ledger.search.failed) == (len(JUDGED) - 1, 1)


async def test_a_clock_stops_cleanly(bench: Bench) -> None:
    result = await bench.evaluator.evaluate("step", [(BARE, JUDGED)], stop=lambda done: done >= 10)
    assert result.stopped == "budget_seconds"
    assert 10 <= len(result.evaluations[BARE.id].rows) <= 10 + bench.evaluator.width


async def test_a_resumed_evaluator_reads_the_journal(
    lm_settings: Settings, tmp_path: Path, openai_peer: OpenAIPeer
) -> None:
    results = []
    for _ in range(2):
        async with Journal(tmp_path / "journal.jsonl", {}) as journal:
            bench = Bench(lm_settings.model_copy(update={"lm_cache": False}), journal)
            async with bench.client:
                results.append(await bench.evaluator.evaluate("step", [(TAUGHT, JUDGED)]))
                assert bench.ledger.search.calls == len(JUDGED)
    assert results[0] == results[1]
    assert len(openai_peer.calls) == len(JUDGED)


async def test_cancelling_ends_at_once(bench: Bench, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 30
    task = asyncio.create_task(bench.evaluator.evaluate("step", [(BARE, JUDGED)]))
    await wait_until(lambda: openai_peer.in_flight)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 10


async def test_an_answer_without_a_score_is_paid_for_all_the_same(
    tmp_path: Path, lm_settings: Settings
) -> None:
    asked = 0

    def fails_the_second_time(_expected: Answer, _given: Answer) -> float:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise ValueError("no score")
        return 1.0

    spent = []
    for _ in range(2):
        async with Journal(tmp_path / "journal.jsonl", {}) as journal:
            bench = Bench(lm_settings, journal)
            scorer = MetricScorer("mine", fails_the_second_time)
            evaluator = Evaluator(bench.client, scorer, journal, bench.ledger, width=1)
            async with bench.client:
                await evaluator.evaluate("step", [(TAUGHT, JUDGED[:10])])
            account = bench.ledger.search
            assert (account.calls, account.failed) == (2, 1)
            assert bench.ledger.search_calls_left() == 998
            spent.append((account.tokens, bench.ledger.cost()))
    assert spent[0] == spent[1]
    assert asked == 2, "the second time the journal knows it all"
