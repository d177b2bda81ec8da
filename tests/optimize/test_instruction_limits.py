from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from instruction_world import (
    MAGIC,
    TRAIN,
    ZERO_SHOT,
    by_luck,
    follows,
    number,
    proposes,
    reflecting,
)
from optimize_world import Recorder
from search_world import BASELINE, ScriptedModel, search_context
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMRequestError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.instructions.search import search
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.optimizer import SearchResult
from whetstone.optimize.spec import BudgetLimits
from whetstone.settings import Settings


@given(calls=st.integers(1, 500), repeats=st.integers(1, 2), seed=st.integers(0, 5))
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_calls_are_never_overshot_and_nothing_is_paid_for_a_search_that_cannot_start(
    calls: int, repeats: int, seed: int, settings: Settings
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with search_context(
            Path(folder), settings, follows, calls=calls, repeats=repeats, seed=seed, reflection=proposes()
        ) as (context, model):
            if calls < 16 * repeats:
                with pytest.raises(InvalidInputError, match="budget is too small"):
                    await search(context)
                assert model.requests == []
                return
            found = await search(context)
            assert context.ledger.search_calls_made() == len(model.requests) <= calls
    assert found.best.wanted == found.incumbent.wanted >= 8 * repeats
    assert found.best.mean >= found.incumbent.mean
    assert [row.example for row in found.best.rows] == [row.example for row in found.incumbent.rows]


async def test_most_of_the_calls_are_used_while_something_can_be_gained(
    tmp_path: Path, settings: Settings
) -> None:
    async with search_context(tmp_path, settings, by_luck, calls=400, reflection=proposes(1)) as (_, model):
        await search(_)
    assert 340 <= len(model.requests) <= 400


GARBAGE = [
    ("", "no instruction in the answer"),
    ("1 2 3", "no instruction in the answer"),
    (BASELINE.prompt, "it was known already"),
    ("the same words again and " * 40, "it repeats itself"),
    (f"You see: {TRAIN[0].text} and so on", "copies text of a row"),
    ("Answer {{name}} kindly.", "adds {{name}}"),
    (
        "You improve the instructions (the system prompt) of a language model that does one task.",
        "repeats the question",
    ),
]


@pytest.mark.parametrize(("said", "reason"), GARBAGE)
async def test_useless_proposals_are_counted_and_the_run_ends_honestly(
    tmp_path: Path, settings: Settings, said: str, reason: str
) -> None:
    recorder = Recorder()
    async with search_context(
        tmp_path,
        settings,
        follows,
        reflection=reflecting(lambda _messages: said),
        instructions=ZERO_SHOT,
        recorder=recorder,
    ) as (context, model):
        found = await search(context)
    assert found.best.candidate == found.incumbent.candidate == BASELINE
    assert "no proposal was usable" in found.origin
    assert any("0 of 3 usable" in line and reason in line for line in recorder.lines), recorder.lines
    assert len(model.requests) <= 120


async def test_placeholders_of_the_prompt_must_stay(tmp_path: Path, settings: Settings) -> None:
    start = Candidate("You are {{name}}. Decide.")
    recorder = Recorder()

    asked = 0

    def write(_messages: Sequence[Any]) -> str:
        nonlocal asked
        asked += 1
        return f"<instruction>{'You are {{name}}. ' if asked % 2 else ''}{MAGIC} {asked}</instruction>"

    async with search_context(
        tmp_path,
        settings,
        follows,
        incumbent=start,
        reflection=reflecting(write),
        recorder=recorder,
        instructions=ZERO_SHOT,
    ) as (context, _):
        found = await search(replace(context, start=start, baseline=start))
        assert context.guard.rejected["placeholders"] > 0
    assert "{{name}}" in found.best.candidate.prompt
    assert any("loses {{name}}" in line for line in recorder.lines)


async def test_a_reflection_model_that_never_answers_ends_the_search_with_a_reason(
    tmp_path: Path, settings: Settings
) -> None:
    class Refuses(ScriptedModel):
        async def complete(self, _request: Any) -> Any:
            raise LMRequestError("no such model", 404)

    async with search_context(tmp_path, settings, follows) as (context, _):
        proposer = Proposer(Refuses(follows), context.journal, context.ledger)
        with pytest.raises(InvalidEvaluationError, match="no such model"):
            await search(replace(context, proposer=proposer))


@pytest.mark.parametrize("most", [1, 3, 5])
async def test_the_limit_of_proposals_is_kept(tmp_path: Path, settings: Settings, most: int) -> None:
    async with search_context(
        tmp_path,
        settings,
        follows,
        reflection=proposes(1, "Be kind."),
        budget=BudgetLimits(max_proposals=most),
    ) as (context, _):
        found = await search(context)
        assert context.ledger.account("proposals").calls == most
    assert found.finish_reason == "budget_proposals"


@pytest.mark.parametrize("limit", [25_000, 40_000, 80_000])
async def test_the_token_limit_ends_the_search_with_what_there_is(
    tmp_path: Path, settings: Settings, limit: int
) -> None:
    async with search_context(
        tmp_path, settings, follows, calls=400, reflection=proposes(), budget=BudgetLimits(max_tokens=limit)
    ) as (context, _):
        found = await search(context)
        assert context.ledger.tokens() <= limit
    assert isinstance(found, SearchResult)
    assert found.best.wanted == found.incumbent.wanted


async def test_a_failing_row_costs_a_candidate_its_score_not_the_search(
    tmp_path: Path, settings: Settings
) -> None:
    class Fails(ScriptedModel):
        async def complete(self, request: Any) -> Any:
            found = await super().complete(request)
            if "kind to" in request.messages[0]["content"] and number(str(request.messages)) % 9 == 0:
                raise LMRequestError("the context is full", 400)
            return found

    async with search_context(tmp_path, settings, follows, reflection=proposes()) as (context, _):
        scorer = MetricScorer("decision", get_metric("decision"))
        failing = Evaluator(Fails(follows), scorer, context.journal, context.ledger, width=8)
        found = await search(replace(context, evaluator=failing))
    assert found.best.mean == 1.0


@pytest.mark.parametrize(("seconds", "enough"), [(3.6, True), (1.2, False)])
async def test_the_time_limit_ends_the_search_with_what_there_is(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, seconds: float, enough: bool
) -> None:
    budget = BudgetLimits(max_seconds=seconds)
    async with search_context(
        tmp_path, settings, by_luck, calls=900, reflection=proposes(1), budget=budget
    ) as (context, model):
        monkeypatch.setattr(context.journal, "elapsed_seconds", lambda: len(model.requests) / 100)
        if not enough:
            with pytest.raises(InvalidInputError, match="budget_seconds"):
                await search(context)
            return
        found = await search(context)
    assert found.finish_reason == "budget_seconds"
    assert 140 <= len(model.requests) <= 200
    assert found.best.wanted == found.incumbent.wanted
    assert found.best.candidate != found.incumbent.candidate
