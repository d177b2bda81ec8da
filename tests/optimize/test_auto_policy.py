from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from optimize_world import (
    SYSTEM,
    Recorder,
    answer,
    demonstrated_turns,
    learns_from_turns,
    right_decision,
    rows,
    spec_for,
    write_dataset,
)
from search_world import BASELINE, ScriptedModel, search_context
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMRequestError
from whetstone.lm.types import Completer
from whetstone.lm_settings import Role
from whetstone.optimize import auto, native
from whetstone.optimize.optimizer import SearchResult
from whetstone.optimize.spec import BudgetLimits, FewShotOptions
from whetstone.prompts.artifact import PromptArtifact, parse
from whetstone.settings import Settings

RULE = "Who asks for silence must get it."
OPTIONS = FewShotOptions(demonstrations=4, random_sets=0, demonstration_format="turns")


def needs_both(messages: Sequence[Any]) -> str:
    """Learns the format from examples, and what STOP is for only from the instructions."""
    if len(set(demonstrated_turns(list(messages)))) < 2:
        return "Happy to help!"
    right = right_decision(messages[-1]["content"])
    return answer(right if right != "STOP" or RULE in messages[0]["content"] else "IGNORE")


def wise(_messages: Sequence[Any]) -> str:
    return f"```\n{SYSTEM} {RULE}\n```"


class Broken(ScriptedModel):
    """A reflection model that is not there."""

    def __init__(self) -> None:
        super().__init__(wise, "reflection")

    async def complete(self, request: Any) -> Any:
        self.requests.append(request)
        raise LMRequestError("no such model", 404)


def essence(found: SearchResult) -> dict[str, Any]:
    return {
        "best": (found.best.candidate, found.best.mean, found.best.wanted),
        "incumbent": found.incumbent.mean,
        "lineage": found.lineage,
        "edits": found.edits,
        "tried": found.tried,
        "reason": found.finish_reason,
    }


async def run(
    folder: Path, settings: Settings, answer: Any = needs_both, **changes: Any
) -> tuple[SearchResult, ScriptedModel]:
    """One search by the policy, and the model that it asked."""
    reflection = changes.pop("reflection", ScriptedModel(wise, "reflection"))
    async with search_context(
        folder, settings, answer, reflection=reflection, few_shot=OPTIONS, **{"calls": 900, **changes}
    ) as (context, model):
        found = await auto.search(context)
        assert context.ledger.search_calls_made() <= changes.get("calls", 900)
        assert context.best.result is not None
        assert context.best.result.best.candidate == found.best.candidate
    return found, model


async def test_each_stage_builds_on_the_best_of_the_former(tmp_path: Path, settings: Settings) -> None:
    recorder = Recorder()
    found, _ = await run(tmp_path, settings, recorder=recorder)
    assert (found.incumbent.mean, found.best.mean) == (0.0, 1.0)
    assert RULE in found.best.candidate.prompt
    assert len(found.best.candidate.demonstrations) >= 2
    assert found.optimizer == "instruction-search"
    assert found.origin.startswith("instruction-search: ")
    assert [edit.diff.startswith("+ shows ") for edit in found.edits[:2]] == [True, False]
    stages = [entry["notes"].split(":")[0] for entry in found.lineage]
    assert list(dict.fromkeys(stages)) == ["bootstrap-fewshot", "instruction-search"]
    rounds = [entry["round"] for entry in found.lineage]
    assert rounds == sorted(rounds)
    assert any("nothing is left to gain" in line for line in recorder.lines)
    fractions = [fraction for fraction, _, _ in recorder.news]
    assert fractions == sorted(fractions)
    phases = [phase for _, phase, _ in recorder.news]
    assert phases == sorted(phases), "bootstrapping comes before searching, once"


async def test_nothing_is_asked_of_the_reflection_model_where_examples_suffice(
    tmp_path: Path, settings: Settings
) -> None:
    reflection = ScriptedModel(wise, "reflection")
    found, _ = await run(
        tmp_path, settings, lambda messages: learns_from_turns(list(messages)), reflection=reflection
    )
    assert (found.best.mean, found.finish_reason) == (1.0, "completed")
    assert reflection.requests == []


@pytest.mark.parametrize(
    ("reflection", "reason"),
    [
        (ScriptedModel(lambda _: "", "reflection"), "none of its [0-9]+ proposals could be tried"),
        (Broken(), "The reflection model gave no answer: no such model"),
    ],
)
async def test_a_reflection_model_that_is_of_no_use_is_asked_in_one_stage_only_and_that_is_said(
    tmp_path: Path, settings: Settings, reflection: ScriptedModel, reason: str
) -> None:
    recorder = Recorder()
    found, _ = await run(tmp_path, settings, reflection=reflection, recorder=recorder)
    assert found.best.candidate.prompt == SYSTEM
    assert found.best.mean == pytest.approx(0.65, abs=0.05)
    assert reflection.requests
    (line,) = (line for line in recorder.lines if line.startswith("prompt-evolution is left out"))
    assert line.startswith("prompt-evolution is left out: the reflection model is of no use here: ")
    assert re.search(reason, line)


async def test_a_resumed_search_ends_like_an_uninterrupted_one_wherever_it_was_cut(
    tmp_path: Path, settings: Settings
) -> None:
    whole, _ = await run(tmp_path / "whole", settings)
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 10
    for kept in range(1, len(lines), 3):
        folder = tmp_path / f"cut-{kept}"
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
        resumed, _ = await run(folder, settings)
        assert essence(resumed) == essence(whole), f"cut after {kept} steps"


async def test_a_stage_that_was_given_up_stays_given_up_when_the_run_is_resumed(
    tmp_path: Path, settings: Settings
) -> None:
    first, _ = await run(tmp_path, settings, reflection=Broken())
    recovered = ScriptedModel(wise, "reflection")
    again, model = await run(tmp_path, settings, reflection=recovered)
    assert essence(again) == essence(first)
    assert (model.requests, recovered.requests) == ([], [])


@given(calls=st.integers(16, 700))
@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_calls_are_never_overshot(calls: int, settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, model = await run(Path(folder), settings, calls=calls)
    assert len(model.requests) <= calls
    assert found.best.wanted == found.incumbent.wanted
    assert found.best.mean >= found.incumbent.mean


async def test_a_budget_for_no_stage_at_all_is_said_before_a_call(tmp_path: Path, settings: Settings) -> None:
    async with search_context(tmp_path, settings, needs_both, calls=15) as (context, model):
        with pytest.raises(InvalidInputError, match="budget is too small"):
            await auto.search(context)
    assert model.requests == []


async def test_where_examples_spoil_the_prompt_instructions_start_without_them(
    tmp_path: Path, settings: Settings
) -> None:
    def dislikes_examples(messages: Sequence[Any]) -> str:
        if demonstrated_turns(list(messages)):
            return "no idea"
        right = right_decision(messages[-1]["content"])
        return answer(right if right != "STOP" or RULE in messages[0]["content"] else "IGNORE")

    found, _ = await run(tmp_path, settings, dislikes_examples)
    assert found.best.mean == 1.0
    assert found.best.candidate == BASELINE.with_text("prompt", f"{SYSTEM} {RULE}")


async def test_a_prompt_that_leaves_no_room_for_examples_is_still_improved(
    tmp_path: Path, settings: Settings
) -> None:
    def reads_the_rule(messages: Sequence[Any]) -> str:
        right = right_decision(messages[-1]["content"])
        return answer(right if right != "STOP" or RULE in messages[0]["content"] else "IGNORE")

    recorder = Recorder()
    found, _ = await run(tmp_path, settings, reads_the_rule, recorder=recorder, max_prompt_tokens=45)
    assert found.best.mean == 1.0
    assert found.best.candidate.tokens() <= 45
    assert any("bootstrap-fewshot ends without a result: None of" in line for line in recorder.lines)


class Roles:
    """Scripted models of a whole job."""

    width = 8

    def __init__(self) -> None:
        self.task = ScriptedModel(needs_both)
        self.reflection = ScriptedModel(wise, "reflection")

    def client(self, role: Role) -> Completer:
        return self.reflection if role == "reflection" else self.task

    def tariff(self, _role: Role) -> None:
        return None


def saved(result: dict[str, Any]) -> PromptArtifact:
    """The artifact that a job wrote."""
    return parse(Path(result["artifactPath"]).read_bytes())


async def test_a_whole_job_by_the_policy_is_gated_and_saved(tmp_path: Path, settings: Settings) -> None:
    models = Roles()
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", rows(100)),
        optimizer="auto",
        few_shot=OPTIONS,
        budget=BudgetLimits(max_calls=980),
    )
    result = await native.run(spec, Recorder(), settings, models)
    assert (result["decision"], result["score"], result["baselineScore"]) == ("promoted", 1.0, 0.0)
    assert len(models.task.requests) <= 980
    artifact = saved(result)
    assert RULE in artifact.prompt
    assert len(artifact.few_shot_examples) >= 2
    notes = [str(entry.notes) for entry in artifact.lineage]
    assert any(note.startswith("bootstrap-fewshot: ") for note in notes)
    assert any(note.startswith("instruction-search: ") for note in notes)
