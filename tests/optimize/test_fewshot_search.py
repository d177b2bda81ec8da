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

from optimize_world import (
    Recorder,
    answer,
    demonstrated_turns,
    learns_from_turns,
    never_learns,
    right_decision,
    spoilt_by_demonstrations,
)
from search_world import BASELINE, MADE, ScriptedModel, of_split, search_context
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMRequestError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.fewshot.search import search
from whetstone.optimize.spec import FewShotOptions
from whetstone.settings import Settings

TRAIN, VALIDATION, TEST = of_split("train"), of_split("validation"), of_split("test")


def learns(messages: Sequence[Any]) -> str:
    return learns_from_turns(list(messages))


def question(messages: Sequence[Any]) -> str:
    return str(messages[-1]["content"])


async def test_sets_that_teach_are_found_and_scored_on_all_validation_rows(
    tmp_path: Path, settings: Settings
) -> None:
    async with search_context(tmp_path, settings, learns) as (context, _):
        found = await search(context)
        assert context.best.result is not None
        assert context.best.result.best.candidate == found.best.candidate
    assert (found.incumbent.mean, found.best.mean) == (0.0, 1.0)
    assert found.best.wanted == found.incumbent.wanted == len(VALIDATION)
    assert found.best.candidate.rendering == "turns"
    (edit,) = found.edits
    shown = [item.id for item in found.best.candidate.demonstrations]
    assert list(edit.evidence_row_ids) == shown
    assert edit.diff.splitlines() == [f"+ shows {name}" for name in shown]
    assert edit.minibatch_delta == 1.0
    assert {row.id for row in TRAIN} >= set(shown)


async def test_a_step_asks_its_calls_together(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, learns) as (context, model):
        await search(context)
    assert model.most_in_flight == 8


@given(calls=st.integers(1, 500), repeats=st.integers(1, 2), teacher=st.booleans())
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_calls_are_never_overshot_and_nothing_is_paid_for_a_search_that_cannot_start(
    calls: int, repeats: int, teacher: bool, settings: Settings
) -> None:
    options = FewShotOptions(demonstrations=4, random_sets=1, teacher=teacher)
    with tempfile.TemporaryDirectory() as folder:
        async with search_context(
            Path(folder), settings, learns, calls=calls, repeats=repeats, few_shot=options
        ) as (context, model):
            if calls < 16 * repeats:
                with pytest.raises(InvalidInputError, match="budget is too small"):
                    await search(context)
                assert model.requests == []
                return
            found = await search(context)
            assert context.ledger.search_calls_made() == len(model.requests) <= calls
    assert found.best.mean >= found.incumbent.mean
    assert found.best.wanted == found.incumbent.wanted


async def test_a_stage_stays_within_its_calls(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, learns, calls=1000) as (context, model):
        stage = context.in_stage("few-shot", BASELINE, 90)
        await search(stage)
        assert len(model.requests) <= 90
        assert context.calls_left() == 1000 - len(model.requests)


async def test_rows_that_the_bare_prompt_gets_wrong_are_shown_first(
    tmp_path: Path, settings: Settings
) -> None:
    """A model that knows every decision but STOP, until an example shows it."""

    def knows_all_but_stop(messages: Sequence[Any]) -> str:
        right = right_decision(question(messages))
        shown = demonstrated_turns(list(messages)).count(answer("STOP"))
        return answer(right if right != "STOP" or shown >= 3 else "IGNORE")

    recorder = Recorder()
    async with search_context(tmp_path, settings, knows_all_but_stop, calls=600, recorder=recorder) as (
        context,
        model,
    ):
        found = await search(context)
        assert context.ledger.search_calls_made() == len(model.requests)
    assert found.best.mean == 1.0
    assert "(errors)" in found.origin
    assert found.edits[0].hypothesis == "examples that the bare prompt answers wrongly teach what it lacks"
    assert any("gets 5 of 16 training rows wrong" in line for line in recorder.lines)


async def test_the_best_set_takes_in_what_it_still_gets_wrong(tmp_path: Path, settings: Settings) -> None:
    """A model that answers a row only if one of its kind, of nine, is shown."""

    def kind(text: str) -> int:
        return ord(text[0]) % 9

    def knows_shown_kinds(messages: Sequence[Any]) -> str:
        kinds = {kind(str(message["content"])) for message in messages[1:-1] if message["role"] == "user"}
        text = question(messages)
        return answer(right_decision(text)) if kind(text) in kinds else "no idea"

    options = FewShotOptions(demonstrations=9, random_sets=0, demonstration_format="turns")
    async with search_context(tmp_path, settings, knows_shown_kinds, calls=900, few_shot=options) as (
        context,
        model,
    ):
        found = await search(context)
        assert context.ledger.search_calls_made() == len(model.requests) <= 900
    places = [place for place, entry in enumerate(found.lineage) if "(refined, " in entry["notes"]]
    before = max(entry["score"] for entry in found.lineage[: places[0]])
    assert found.best.mean > before
    assert "(refined, " in found.origin
    assert (
        found.edits[0].hypothesis == "examples that the best set so far answers wrongly teach what it lacks"
    )
    shown = [item.id for item in found.best.candidate.demonstrations]
    assert len(shown) == len(set(shown)) <= 9
    assert {row.id for row in TRAIN} >= set(shown)
    rounds = [entry["round"] for entry in found.lineage]
    assert rounds == sorted(rounds)


async def test_finding_errors_takes_a_tenth_of_the_calls_at_most(tmp_path: Path, settings: Settings) -> None:
    asked: list[str] = []

    def half_right(messages: Sequence[Any]) -> str:
        asked.append(question(messages))
        return answer("RESPOND")

    for calls in (70, 400):
        asked.clear()
        async with search_context(tmp_path / str(calls), settings, half_right, calls=calls) as (context, _):
            await search(context)
        on_training_rows = [text for text in asked if text in {row.text for row in TRAIN}]
        assert len(on_training_rows) <= calls // 10
        assert bool(on_training_rows) == (calls == 400)


async def test_a_teacher_model_gives_the_words_of_the_demonstrations(
    tmp_path: Path, settings: Settings
) -> None:
    def reasoned(messages: Sequence[Any]) -> str:
        label = right_decision(question(messages))
        return f"Because of what is said: {answer(label)}" if label != "STOP" else answer("IGNORE")

    teacher = ScriptedModel(reasoned, "teacher")
    options = FewShotOptions(demonstrations=4, random_sets=0, teacher=True)
    async with search_context(tmp_path, settings, learns, teacher=teacher, few_shot=options) as (
        context,
        model,
    ):
        found = await search(context)
        spent = context.ledger.account("teacher").calls
    assert 0 < spent == len(teacher.requests) <= 100
    assert context.ledger.account("search").calls == len(model.requests)
    assert {question(request.messages) for request in teacher.requests} <= {row.text for row in TRAIN}
    taught = [
        item for item in found.best.candidate.demonstrations if item.metadata == {"goldSource": "teacher"}
    ]
    assert taught
    for item in taught:
        assert item.expected_output.startswith("Because of what is said:")
        assert right_decision(item.input.user) != "STOP", "a wrong answer of the teacher was shown"


async def test_without_a_teacher_model_the_tasks_own_answers_are_bootstrapped(
    tmp_path: Path, settings: Settings
) -> None:
    def chatty(messages: Sequence[Any]) -> str:
        return f"Sure! {answer(right_decision(question(messages)))}"

    options = FewShotOptions(demonstrations=2, random_sets=0, teacher=True)
    async with search_context(tmp_path, settings, chatty, few_shot=options) as (context, _):
        found = await search(context)
    assert all(item.expected_output.startswith("Sure!") for item in found.best.candidate.demonstrations)


async def test_a_teacher_that_never_answers_ends_the_search_with_a_reason(
    tmp_path: Path, settings: Settings
) -> None:
    class Refuses(ScriptedModel):
        async def complete(self, _request: Any) -> Any:
            raise LMRequestError("no such model", 404)

    options = FewShotOptions(demonstrations=2, random_sets=0, teacher=True)
    async with search_context(tmp_path, settings, learns, teacher=Refuses(learns), few_shot=options) as (
        context,
        _,
    ):
        with pytest.raises(InvalidEvaluationError, match="no such model"):
            await search(context)


async def test_instructions_of_an_earlier_stage_are_kept(tmp_path: Path, settings: Settings) -> None:
    better = Candidate("Decide wisely.", components=(("tool:look", "Looks."),))
    async with search_context(tmp_path, settings, learns) as (context, _):
        found = await search(replace(context, start=better))
    assert found.best.candidate.bare() == better
    assert found.best.mean == 1.0
    assert found.incumbent.candidate == BASELINE


async def test_the_bare_prompt_wins_where_examples_spoil_it(tmp_path: Path, settings: Settings) -> None:
    shown = Candidate(BASELINE.prompt, tuple(demonstration(row) for row in TRAIN[:3]))

    def spoilt(messages: Sequence[Any]) -> str:
        return spoilt_by_demonstrations(list(messages))

    async with search_context(tmp_path, settings, spoilt, incumbent=shown) as (context, _):
        found = await search(context)
    assert (found.best.candidate, found.origin) == (BASELINE, "the prompt as it was")
    assert found.edits == ()


async def test_among_equals_the_shortest_goes_to_the_gate(tmp_path: Path, settings: Settings) -> None:
    def never(messages: Sequence[Any]) -> str:
        return never_learns(list(messages))

    async with search_context(tmp_path, settings, never) as (context, model):
        found = await search(context)
        last = context.validation[-1]
    best = found.best
    assert best.mean == found.incumbent.mean
    sizes = [size(r.messages) for r in model.requests if question(r.messages) == last.text]
    assert len(sizes) > 2
    assert size(best.candidate.request(last).messages) == sorted(sizes)[1], "only the incumbent is shorter"


def size(messages: Sequence[Any]) -> int:
    return sum(len(message["content"]) for message in messages)


@pytest.mark.parametrize("cap", [150, 220])
async def test_no_prompt_exceeds_the_cap(tmp_path: Path, settings: Settings, cap: int) -> None:
    async with search_context(tmp_path, settings, learns, max_prompt_tokens=cap) as (context, _):
        found = await search(context)
        assert context.guard.rejected.total() == 0
    assert found.best.candidate.demonstrations
    assert found.best.candidate.tokens() <= cap


async def test_a_cap_without_room_for_an_example_is_said(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, learns, max_prompt_tokens=30) as (context, model):
        with pytest.raises(InvalidInputError, match="None of the 40 training examples can be shown"):
            await search(context)
        assert model.requests == []


@given(data=st.data())
@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_judged_row_is_shown_however_it_is_disguised(
    data: st.DataObject, settings: Settings
) -> None:
    judged = [*VALIDATION, *TEST]
    disguises = [str.upper, "  {}!! ".format, "{} please".format, lambda text: text[:-1] + "9"]
    copies = []
    for number, row in enumerate(data.draw(st.lists(st.sampled_from(judged), min_size=1, max_size=12))):
        text = data.draw(st.sampled_from(disguises))(row.text)
        copies.append(replace(TRAIN[0], id=f"copy-{number}", messages=({"role": "user", "content": text},)))
    options = FewShotOptions(demonstrations=16, random_sets=2)
    with tempfile.TemporaryDirectory() as folder:
        async with search_context(
            Path(folder), settings, learns, calls=900, few_shot=options, examples=[*MADE, *copies]
        ) as (context, model):
            await search(context)
    shown = {m["content"] for request in model.requests for m in request.messages[:-1]}
    assert shown.isdisjoint(row.text for row in [*judged, *copies])
