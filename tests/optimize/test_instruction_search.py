from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from instruction_world import (
    MAGIC,
    SMALL,
    TEST,
    TRAIN,
    VALIDATION,
    ZERO_SHOT,
    by_luck,
    follows,
    needs_both,
    number,
    proposes,
    reflecting,
    right,
)
from optimize_world import Recorder, demonstrated_turns
from search_world import BASELINE, search_context
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.instructions.search import search
from whetstone.optimize.optimizer import SearchContext
from whetstone.settings import Settings


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
        equal = {
            entry["candidate"] for entry in found.lineage if entry["score"] > 0.9 and entry["rows"] == 20
        }
    assert len(equal) > 1
    assert found.best.mean == pytest.approx(0.95)
    assert found.frontier == [], "no candidate as good is shorter"


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


async def test_a_perfect_prompt_is_left_alone(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, right, reflection=proposes()) as (context, model):
        found = await search(context)
    assert found.best.candidate == found.incumbent.candidate
    assert "right on all 20 validation rows already" in found.origin
    assert len(model.requests) == len(VALIDATION)


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


async def test_other_good_candidates_are_kept_for_the_artifact(tmp_path: Path, settings: Settings) -> None:
    async with search_context(
        tmp_path, settings, by_luck, calls=700, reflection=proposes(1), instructions=SMALL
    ) as (context, _):
        found = await search(context)
    merits = [(each["score"], each["promptTokenCount"]) for each in found.frontier]
    assert merits == sorted(merits, reverse=True)
    assert len({tokens for _, tokens in merits}) == len(merits)
    assert found.best.candidate.tokens() not in {tokens for _, tokens in merits}
