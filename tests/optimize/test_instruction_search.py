from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from optimize_world import Recorder, answer, demonstrated_turns, right_decision
from search_world import BASELINE, Answer, ScriptedModel, of_split, search_context
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMRequestError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.instructions.search import search
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.spec import BudgetLimits, InstructionOptions
from whetstone.settings import Settings

TRAIN, VALIDATION, TEST = of_split("train"), of_split("validation"), of_split("test")
MAGIC = "Write JSON with the right action."
ZERO_SHOT = InstructionOptions(demonstration_sets=0)
SMALL = InstructionOptions(instructions=6, minibatch=8, full_every=4)


def prompt_of(messages: Sequence[Any]) -> str:
    return str(messages[0]["content"])


def right(messages: Sequence[Any]) -> str:
    return answer(right_decision(str(messages[-1]["content"])))


def follows(messages: Sequence[Any]) -> str:
    """Right once it is told the form of the answer."""
    return right(messages) if MAGIC in prompt_of(messages) else "I would be happy to help!"


def needs_both(messages: Sequence[Any]) -> str:
    """Right once it is told the form and shown two different decisions; either alone helps with few rows."""
    told, shown = MAGIC in prompt_of(messages), len(set(demonstrated_turns(list(messages)))) >= 2
    lucky = number(str(messages[-1]["content"])) % 10 < 3
    return right(messages) if (told and shown) or ((told or shown) and lucky) else "Hm."


def by_luck(messages: Sequence[Any]) -> str:
    """Right on rows by chance, anew under each prompt."""
    return right(messages) if number(str(messages)) % 2 else "Hm."


def number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def proposes(one_of: int = 2, text: str = MAGIC) -> ScriptedModel:
    """A reflection model that has the right idea in one of so many answers."""

    def write(messages: Sequence[Any]) -> str:
        asked = number(str(messages[0]["content"]))
        idea = text if asked % one_of == 0 else "Be kind to the customer."
        return f"<hypothesis>Idea {asked}.</hypothesis>\n<instruction>Decide as the agent Fern. {idea} ({asked})</instruction>"

    return reflecting(write)


def reflecting(write: Answer) -> ScriptedModel:
    return ScriptedModel(write, "reflection")


@pytest.mark.parametrize("seed", range(6))
async def test_the_instruction_that_helps_is_found(tmp_path: Path, settings: Settings, seed: int) -> None:
    recorder = Recorder()
    async with search_context(
        tmp_path, settings, follows, calls=240, reflection=proposes(), seed=seed, recorder=recorder
    ) as (context, model):
        found = await search(context)
        assert context.ledger.search_calls_made() == len(model.requests) <= 240
        assert context.best.result is not None
        assert context.best.result.best.candidate == found.best.candidate
    assert (found.incumbent.mean, found.best.mean) == (0.0, 1.0)
    assert MAGIC in found.best.candidate.prompt
    assert found.best.wanted == found.incumbent.wanted == len(VALIDATION)
    assert found.finish_reason == "completed"
    assert any("usable" in line for line in recorder.lines)


@pytest.mark.parametrize("seed", range(6))
async def test_an_instruction_and_demonstrations_that_need_each_other_are_found(
    tmp_path: Path, settings: Settings, seed: int
) -> None:
    async with search_context(
        tmp_path, settings, needs_both, calls=400, reflection=proposes(), seed=seed, instructions=SMALL
    ) as (context, model):
        found = await search(context)
        assert len(model.requests) <= 400
    assert found.best.mean == 1.0
    assert MAGIC in found.best.candidate.prompt
    assert found.best.candidate.rendering == "turns"
    assert {item.id for item in found.best.candidate.demonstrations} <= {row.id for row in TRAIN}


async def test_zero_shot_shows_no_demonstration(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, follows, reflection=proposes(), instructions=ZERO_SHOT) as (
        context,
        model,
    ):
        found = await search(context)
    assert found.best.mean == 1.0
    assert found.best.candidate.demonstrations == ()
    assert all(len(request.messages) == 2 for request in model.requests)
    assert context.ledger.account("teacher").calls == 0


async def test_the_edit_says_what_changed_why_and_on_which_rows(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, follows, reflection=proposes(2)) as (context, _):
        found = await search(context)
    (edit,) = found.edits
    assert f"-{BASELINE.prompt}" in edit.diff.splitlines()
    assert MAGIC in edit.diff
    assert edit.hypothesis.startswith("Idea ")
    assert edit.evidence_row_ids
    assert set(edit.evidence_row_ids) <= {row.id for row in TRAIN}
    assert edit.minibatch_delta == 1.0


async def test_the_reflection_model_sees_training_rows_only(tmp_path: Path, settings: Settings) -> None:
    seen: list[str] = []

    def looks(messages: Sequence[Any]) -> str:
        seen.append(str(messages[0]["content"]))
        return f"<instruction>Be kind. ({number(seen[-1])})</instruction>"

    async with search_context(tmp_path, settings, follows, calls=600, reflection=reflecting(looks)) as (
        context,
        _,
    ):
        await search(context)
    assert len(seen) == 9, "a summary and eight proposals"
    assert not any(row.text in text for row in (*VALIDATION, *TEST) for text in seen)
    proposals = seen[1:]
    assert all(BASELINE.prompt in text and context.goal in text for text in proposals)
    assert all("I would be happy to help!" in text for text in proposals[:3]), (
        "failures with the model's answer"
    )
    assert sum("Earlier attempts" in text for text in proposals) == 5, "later waves know the scores"
    assert len(set(proposals)) == len(proposals)


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


async def test_minibatches_and_full_validations_are_told_apart(tmp_path: Path, settings: Settings) -> None:
    async with search_context(
        tmp_path, settings, by_luck, calls=500, reflection=proposes(1), instructions=SMALL
    ) as (context, _):
        found = await search(context)
        incumbent = context.incumbent
    kinds = {
        (entry["rows"] == len(VALIDATION), "minibatch" in entry["notes"], "all 20" in entry["notes"])
        for entry in found.lineage
    }
    assert kinds == {(True, False, True), (False, True, False)}
    full = [entry for entry in found.lineage if entry["rows"] == len(VALIDATION)]
    assert full[0]["candidate"] == incumbent.id[:16]
    assert len(full) > 3, "the best so far is validated fully now and then"
    challengers = [entry for entry in full if entry["variant"]]
    assert found.best.mean >= max(entry["score"] for entry in challengers) - 0.5 / len(VALIDATION)
    assert found.best.candidate.id[:16] in {entry["candidate"] for entry in challengers}


async def test_among_equals_the_shorter_goes_to_the_gate(tmp_path: Path, settings: Settings) -> None:
    def write(messages: Sequence[Any]) -> str:
        asked = number(str(messages[0]["content"]))
        return f"<instruction>{MAGIC} {'Take your time. ' * (asked % 7)}({asked})</instruction>"

    def nearly(messages: Sequence[Any]) -> str:
        hard = str(messages[-1]["content"]) == VALIDATION[0].text
        return "Hm." if hard else follows(messages)

    async with search_context(
        tmp_path, settings, nearly, reflection=reflecting(write), instructions=ZERO_SHOT
    ) as (
        context,
        _,
    ):
        found = await search(context)
        shortest = min(
            entry["candidate"] for entry in found.lineage if entry["score"] > 0.9 and entry["rows"] == 20
        )
    assert shortest
    assert found.best.mean == pytest.approx(0.95)
    assert "Take your time" not in found.best.candidate.prompt


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


async def test_demonstrations_are_searched_when_no_proposal_is_usable(
    tmp_path: Path, settings: Settings
) -> None:
    def learns(messages: Sequence[Any]) -> str:
        return right(messages) if len(set(demonstrated_turns(list(messages)))) >= 2 else "Hm."

    async with search_context(tmp_path, settings, learns) as (context, _):
        found = await search(context)
    assert found.best.mean == 1.0
    assert found.best.candidate.prompt == BASELINE.prompt
    assert found.edits == ()


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


async def test_a_perfect_prompt_is_left_alone(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, right, reflection=proposes()) as (context, model):
        found = await search(context)
    assert found.best.candidate == found.incumbent.candidate
    assert "right on all 20 validation rows already" in found.origin
    assert len(model.requests) == len(VALIDATION)


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


async def test_the_start_of_an_earlier_stage_is_kept_if_nothing_beats_it(
    tmp_path: Path, settings: Settings
) -> None:
    shown = tuple(demonstration(row) for row in TRAIN[:3])
    start = Candidate(BASELINE.prompt, shown)

    def learns(messages: Sequence[Any]) -> str:
        lucky = number(str(messages[-1]["content"])) % 10 < 7
        return right(messages) if len(messages) == 8 and lucky else "Hm."

    async with search_context(tmp_path, settings, learns, calls=900, reflection=proposes(99)) as (context, _):
        found = await search(replace(context.in_stage("instructions", start, 300), start=start))
        assert context.ledger.search_calls_made() <= 300
        assert all(step.startswith("instructions/") for step in steps(context) if step != "header")
    assert found.incumbent.candidate == BASELINE
    assert found.best.mean >= 0.5
    assert found.best.candidate.demonstrations == shown


def steps(context: SearchContext) -> list[str]:
    return [orjson.loads(line)["step"] for line in context.journal.path.read_bytes().splitlines()]


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


async def test_other_good_candidates_are_kept_for_the_artifact(tmp_path: Path, settings: Settings) -> None:
    async with search_context(
        tmp_path, settings, by_luck, calls=700, reflection=proposes(1), instructions=SMALL
    ) as (context, _):
        found = await search(context)
    merits = [(each["score"], each["promptTokenCount"]) for each in found.frontier]
    assert merits == sorted(merits, reverse=True)
    assert len({tokens for _, tokens in merits}) == len(merits)
    assert found.best.candidate.tokens() not in {tokens for _, tokens in merits}
