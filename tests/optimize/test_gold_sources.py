from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openai_peer import OpenAIPeer
from optimize_world import (
    SYSTEM,
    TASK,
    Recorder,
    answer,
    peer_settings,
    right_decision,
    rows,
    spec_for,
    write_dataset,
)
from search_world import MADE, UNLIMITED, ScriptedModel
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMResponseError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.metrics.scorer import takes_example
from whetstone.optimize.metrics.types import Answer
from whetstone.optimize.native import run
from whetstone.optimize.rows.gold import TeacherGold, self_reference, teacher_gold
from whetstone.optimize.spec import BudgetLimits
from whetstone.settings import Settings

ROWS = [replace(row, expected=Answer("?"), gold="unverified", reward=0.3) for row in MADE[:20]]


def knows(messages: Sequence[Any]) -> str:
    return answer(right_decision(messages[-1]["content"]))


@asynccontextmanager
async def account(folder: Path, calls: int = 300) -> Any:
    ledger = Ledger(UNLIMITED, search_calls=calls, gate_calls=10, gate_tokens=0, width=4, tariffs={})
    async with Journal(folder / "journal.jsonl", {}) as journal:
        yield journal, ledger


async def teach(teacher: ScriptedModel, journal: Journal, ledger: Ledger, **changes: Any) -> TeacherGold:
    given: dict[str, Any] = {"task_model": "small", "baseline": SYSTEM, "width": 4, **changes}
    return await teacher_gold(ROWS, TASK, teacher, journal, ledger, **given)


async def test_the_teacher_answers_each_row_under_its_own_prompt_at_temperature_zero(tmp_path: Path) -> None:
    teacher = ScriptedModel(knows, "large")
    async with account(tmp_path) as (journal, ledger):
        found = await teach(teacher, journal, ledger)
        assert ledger.account("teacher").calls == 20
    assert [row.id for row in found.examples] == [row.id for row in ROWS]
    for row, original in zip(found.examples, ROWS, strict=True):
        assert row.expected.text == knows(original.messages)
        assert (row.gold, row.reward, row.label) == ("teacher", None, right_decision(original.text))
        assert (row.split, row.group, row.messages) == (original.split, original.group, original.messages)
    assert {request.temperature for request in teacher.requests} == {0.0}
    assert {request.messages[0]["content"] for request in teacher.requests} == {SYSTEM}
    assert teacher.most_in_flight == 4


async def test_only_answers_that_the_task_accepts_are_kept(tmp_path: Path) -> None:
    def unsure(messages: Sequence[Any]) -> str:
        return knows(messages) if "fern" in messages[-1]["content"] else "Let me think about that."

    async with account(tmp_path) as (journal, ledger):
        found = await teach(ScriptedModel(unsure, "large"), journal, ledger)
    assert {row.label for row in found.examples} == {"RESPOND"}
    assert (found.asked, found.refused, found.failed) == (20, 20 - len(found.examples), 0)
    assert f"{len(found.examples)} are used as right" in found.sentence


async def test_a_resumed_job_has_the_same_answers_and_pays_for_none_twice(tmp_path: Path) -> None:
    async with account(tmp_path) as (journal, ledger):
        first = await teach(ScriptedModel(knows, "large"), journal, ledger)
        spent = ledger.to_dict(0)["spent"]["teacher"]
    other = ScriptedModel(lambda _: answer("STOP"), "large")
    async with account(tmp_path) as (journal, ledger):
        again = await teach(other, journal, ledger)
        assert ledger.to_dict(0)["spent"]["teacher"] == spent
        assert ledger.search_calls_left() == 280
    assert again == first
    assert other.requests == []


async def test_at_most_a_third_of_the_calls_is_spent(tmp_path: Path) -> None:
    teacher = ScriptedModel(knows, "large")
    async with account(tmp_path, calls=30) as (journal, ledger):
        found = await teach(teacher, journal, ledger)
    assert len(teacher.requests) == len(found.examples) == 10
    assert found.stopped == "budget_calls"


async def test_calls_that_fail_are_counted_and_a_teacher_that_never_answers_is_an_error(
    tmp_path: Path,
) -> None:
    class Fails(ScriptedModel):
        async def complete(self, request: Any) -> Any:
            response = await super().complete(request)
            if self.fatal in request.messages[-1]["content"]:
                raise LMResponseError("half an answer")
            return response

        fatal = "quiet"

    async with account(tmp_path / "some") as (journal, ledger):
        found = await teach(Fails(knows, "large"), journal, ledger)
    assert {row.label for row in found.examples} == {"RESPOND", "IGNORE"}
    assert len(found.examples) + found.failed == 20
    hopeless = Fails(knows, "large")
    hopeless.fatal = ""
    async with account(tmp_path / "none") as (journal, ledger):
        with pytest.raises(InvalidEvaluationError, match="The teacher gave no answer: half an answer"):
            await teach(hopeless, journal, ledger)
    assert len(hopeless.requests) <= 7, "no teacher is asked on that has answered nobody"


async def test_a_teacher_that_would_judge_itself_is_refused(tmp_path: Path) -> None:
    teacher = ScriptedModel(knows, "Small")
    async with account(tmp_path) as (journal, ledger):
        with pytest.raises(InvalidInputError, match="judged by its own answers"):
            await teach(teacher, journal, ledger, task_model="openai/small")
        assert teacher.requests == []
        found = await teach(teacher, journal, ledger, task_model="openai/small", baseline="Another prompt.")
    assert found.examples


async def test_a_cancelled_teacher_leaves_no_step(tmp_path: Path) -> None:
    class Slow(ScriptedModel):
        async def complete(self, request: Any) -> Any:
            await asyncio.sleep(30)
            return await super().complete(request)

    async with account(tmp_path) as (journal, ledger):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await teach(Slow(knows, "large"), journal, ledger)
        assert journal.recorded("teacher-gold") is None


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"gold": "reward", "model": "vendor/Peer"}, 10),
        ({"gold": "given", "model": "peer"}, 10),
        ({"gold": "correction", "model": "peer"}, 0),
        ({"gold": "teacher", "model": "peer"}, 0),
        ({"gold": "reward", "model": "another"}, 0),
        ({"gold": "reward", "model": None}, 0),
        ({"gold": "reward", "model": "peer", "system": "Another prompt."}, 0),
    ],
)
def test_answers_of_the_scored_prompt_and_model_are_found(change: dict[str, Any], count: int) -> None:
    rows = [*(replace(row, **change) for row in MADE[:10]), *MADE[10:15]]
    found = self_reference(rows, f"{SYSTEM}\n", "peer")
    assert (found.count, found.total) == (count, 15)
    if count:
        assert found.sentence is not None
        assert found.sentence.startswith("10 of 15 right answers were given by peer")
        assert "near 1 by construction" in found.sentence
    else:
        assert found.sentence is None


@pytest.mark.parametrize("metric", ["decision", "text", "exact", "action", "json"])
def test_the_reward_of_a_recorded_answer_scores_no_new_one(metric: str) -> None:
    score = get_metric(metric)
    row = replace(MADE[0], gold="reward", reward=1.0)
    for reward in (1.0, 0.5, None):
        again = replace(row, reward=reward)
        scored = [
            score(example.expected, Answer("no idea"), **keywords(score, example)) for example in (row, again)
        ]
        assert scored[0] == scored[1]


def keywords(score: Any, example: Any) -> dict[str, Any]:
    return {"example": example} if takes_example(score) else {}


async def test_what_the_teachers_rows_cost_is_on_the_account_of_the_job(
    tmp_path: Path, settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = knows
    made = [*rows(90), *rows(30, seed=1, verified=False)]
    for number, row in enumerate(made):
        row["callId"] = f"c-{number}"
    dataset = write_dataset(tmp_path / "dataset", made)
    prices = {"peer": {"input": 1.0, "output": 1.0}, "large": {"input": 10.0, "output": 10.0}}
    settings = peer_settings(settings, openai_peer, lm_prices=prices, teacher_lm_model="large")
    spec = spec_for(tmp_path, dataset, teacher_gold=True, budget=BudgetLimits(max_calls=250, max_cost=1.0))
    budget = (await run(spec, Recorder(), settings))["budget"]
    teacher = budget["spent"]["teacher"]
    assert teacher["calls"] == 30
    assert teacher["usd"] == pytest.approx((teacher["promptTokens"] + teacher["completionTokens"]) * 1e-5)
    assert budget["total"]["usd"] == pytest.approx(sum(part["usd"] for part in budget["spent"].values()))
