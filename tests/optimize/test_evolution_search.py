from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from evolution_world import (
    RULES,
    START,
    World,
    adds_a_rule,
    current_text,
    follows_rules,
    hinted,
    parcels,
    proposal,
    question,
)
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMUnavailableError
from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.program import Candidate, demonstration, prompt_component
from whetstone.optimize.evolution.search import search
from whetstone.optimize.optimizer import SearchResult
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.spec import BudgetLimits, EvolutionOptions


async def searched(world: World, folder: Path, **changes: Any) -> SearchResult:
    async with world.context(folder, **changes) as context:
        found = await search(context)
        assert context.ledger.search.calls == len(world.task.requests), "each call is booked"
        return found


async def test_rules_are_learned_one_upon_the_other(tmp_path: Path) -> None:
    world = World()
    found = await searched(world, tmp_path, calls=600)
    assert found.best.mean == 1.0
    assert found.incumbent.mean < 0.1
    assert all(f"RULE {rule}" in found.best.candidate.prompt for rule in RULES)
    assert found.finish_reason == "completed"
    assert found.best.wanted == found.incumbent.wanted == len(world.validation)
    assert len(world.task.requests) < 600, "the search ends when nothing is left to learn"


async def test_accepted_edits_are_told_and_lead_to_the_winner(tmp_path: Path) -> None:
    world = World()
    told: list[dict[str, Any]] = []
    world.recorder.log = lambda _message, **extra: told.append(extra)  # type: ignore[method-assign]
    async with world.context(tmp_path) as context:
        found = await search(context)
        assert context.best.result is not None
        assert context.best.result.best.mean > found.incumbent.mean
    assert len(found.edits) >= 5
    trained = {row.id for row in world.train}
    for edit in found.edits:
        if edit.evidence_row_ids:  # a prompt from scratch has none
            assert edit.minibatch_delta > 0
            assert set(edit.evidence_row_ids) <= trained or edit.hypothesis.startswith("combines")
            assert re.search(r"^\+RULE \w+", edit.diff, re.MULTILINE)
    edits = [extra["edit"] for extra in told if "edit" in extra]
    assert all(edit.to_dict() in edits for edit in found.edits)
    assert len(edits) == len({_key(edit) for edit in edits}), "each is told once"
    numbers = {entry["variant"] for entry in found.lineage}
    assert all(set(entry["parents"]) <= numbers for entry in found.lineage)


def _key(edit: dict[str, Any]) -> str:
    return repr(sorted(edit.items()))


async def test_validation_rows_are_never_shown_to_the_reflection_model(tmp_path: Path) -> None:
    world = World()
    await searched(world, tmp_path, calls=400)
    assert world.reflection.requests
    for request in world.reflection.requests:
        assert "validation " not in question(request)


@pytest.mark.parametrize(
    ("calls", "repeats"),
    [(24, 1), (47, 1), (73, 1), (257, 1), (401, 1), (73, 2), (131, 2), (401, 2), (257, 3)],
)
async def test_the_budget_is_kept_to_the_call(tmp_path: Path, calls: int, repeats: int) -> None:
    world = World(reflection=hinted(0.5))
    found = await searched(world, tmp_path, calls=calls, repeats=repeats)
    assert len(world.task.requests) <= calls
    assert found.best.valid
    assert found.incumbent.valid
    assert [row.example for row in found.best.rows] == [row.example for row in found.incumbent.rows]
    assert found.best.wanted >= 8 * repeats
    assert found.finish_reason == "budget_calls"


async def test_too_small_a_budget_is_refused_before_a_call(tmp_path: Path) -> None:
    world = World()
    with pytest.raises(InvalidInputError, match="at least 24 calls"):
        await searched(world, tmp_path, calls=20)
    assert world.task.requests == []


async def test_a_trap_is_left_by_starting_anew(tmp_path: Path) -> None:
    def trapped(request: ChatRequest) -> str:
        system, asked = str(request.messages[0]["content"]), str(request.messages[-1]["content"])
        return follows_rules(request) if "NEVER" not in system or "amber" in asked else "never"

    def reply(request: ChatRequest) -> str:
        asked = question(request)
        if "no rule for" not in asked and "The current text:" in asked:
            return proposal(f"{current_text(asked)}\nNEVER mind {len(asked)}.")
        return adds_a_rule(request)

    trap = Candidate(f"{START} NEVER sort parcels.\nRULE amber")
    world = World(trapped, reply)
    found = await searched(world, tmp_path, calls=700, start=trap)
    assert "NEVER" not in found.best.candidate.prompt
    assert found.best.mean > 0.7 > 0.2 > found.incumbent.mean
    assert found.edits[0].hypothesis
    assert "-You sort parcels. NEVER" in found.edits[0].diff


async def test_a_tools_description_is_improved(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "weigh", "description": "Weighs.", "parameters": {}}}

    def weighs(request: ChatRequest) -> str:
        assert request.tools is not None
        described = request.tools[0]["function"]["description"]
        wanted = str(request.messages[-1]["content"]).split(": ")[1].split()
        missing = [rule for rule in wanted if f"RULE {rule}" not in described]
        return f"weigh: no rule for {missing[0]}" if missing else f"sorted {' '.join(wanted)}"

    train, validation = (
        parcels(40, purpose, rules=RULES[:4], most=1, tools=(tool,)) for purpose in ("train", "validation")
    )
    world = World(weighs, train=train, validation=validation)
    start = Candidate(START, components=(("tool:weigh", "Weighs."),))
    found = await searched(world, tmp_path, calls=500, start=start)
    assert found.best.mean == 1.0
    assert found.best.candidate.texts()["tool:weigh"].startswith("Weighs.\nRULE")
    assert "RULE" not in found.best.candidate.prompt, "edits that help nobody are not kept"
    assert "+++ tool:weigh" in found.edits[-1].diff


async def test_several_prompts_of_one_agent_are_improved(tmp_path: Path) -> None:
    other = "You stack parcels."

    def rows(purpose: str) -> tuple[Example, ...]:
        return (
            *parcels(30, f"{purpose} one", rules=RULES[:3], most=1),
            *parcels(30, f"{purpose} two", rules=RULES[:3], most=1, system=other),
        )

    start = Candidate(START, components=((prompt_component(other), other),))
    world = World(train=rows("train"), validation=rows("validation")[::-1])
    found = await searched(world, tmp_path, calls=900, start=start)
    assert found.best.mean == 1.0
    assert found.best.candidate.components[0][1].startswith(other)


async def test_a_candidate_without_the_placeholders_is_rejected_and_counted(tmp_path: Path) -> None:
    def forgets(request: ChatRequest) -> str:
        answer = adds_a_rule(request)
        return answer.replace("{{name}}", "Ann") if len(question(request)) % 2 else answer

    world = World(reflection=forgets)
    start = Candidate(f"{START} You work for {{{{name}}}}.")
    async with world.context(tmp_path, start=start) as context:
        found = await search(context)
        assert context.guard.rejected["placeholders"] > 0
    assert "{{name}}" in found.best.candidate.prompt
    assert found.best.mean > 0.5


async def test_demonstrations_stay(tmp_path: Path) -> None:
    shown = (demonstration(parcels(1, "shown")[0]),)
    world = World()
    found = await searched(world, tmp_path, start=Candidate(START, shown), incumbent=Candidate(START))
    assert found.best.candidate.demonstrations == shown
    assert found.best.mean > found.incumbent.mean
    assert found.incumbent.candidate == Candidate(START)


@pytest.mark.parametrize("garbage", ["", "```\n```", "Hypothesis: a\n```\nNonsense.\n```", "…" * 9000])
async def test_garbage_ends_with_the_incumbent(tmp_path: Path, garbage: str) -> None:
    world = World(reflection=lambda _request: garbage)
    start = Candidate(f"{START}\nRULE amber\nRULE birch")
    found = await searched(world, tmp_path, calls=500, start=start)
    assert found.best.candidate == start
    assert found.edits == ()
    assert found.finish_reason == "completed"
    assert len(world.reflection.requests) < 80, "a useless model is given up"


async def test_a_perfect_start_costs_its_validation_and_no_more(tmp_path: Path) -> None:
    world = World()
    start = Candidate("\n".join(f"RULE {rule}" for rule in RULES))
    found = await searched(world, tmp_path, start=start)
    assert found.best.candidate == start
    assert found.finish_reason == "completed"
    assert len(world.task.requests) == len(world.validation)
    assert world.reflection.requests == []


async def test_noise_does_not_keep_it_from_learning(tmp_path: Path) -> None:
    def noisy(request: ChatRequest) -> str:
        key = f"{request.messages[0]['content']}/{request.messages[-1]['content']}/{request.repeat}"
        if int(hashlib.sha256(key.encode()).hexdigest(), 16) % 10 == 0:
            return "no rule for nothing"
        return follows_rules(request)

    world = World(noisy)
    found = await searched(world, tmp_path, calls=2400, repeats=2)
    assert found.incumbent.mean < 0.1
    assert found.best.mean > 0.6
    assert len(world.task.requests) <= 2400


async def test_the_limit_on_proposals_is_kept(tmp_path: Path) -> None:
    world = World()
    found = await searched(world, tmp_path, limits=BudgetLimits(max_proposals=5))
    assert len(world.reflection.requests) == 5
    assert found.finish_reason == "budget_proposals"
    assert found.best.wanted == len(world.validation)


async def test_a_fixed_width_makes_so_many_proposals_at_once(tmp_path: Path) -> None:
    world = World()
    async with world.context(tmp_path, evolution=EvolutionOptions(width=3, merge=False)) as context:
        await search(context)
        entries = map(orjson.loads, context.journal.path.read_bytes().splitlines())
        steps = [entry["data"] for entry in entries if entry["kind"] == "proposals"]
    assert max(len(step) for step in steps) == 3


async def test_a_failed_reflection_is_passed_over_and_a_dead_model_is_an_error(tmp_path: Path) -> None:
    asked = 0

    def sometimes(request: ChatRequest) -> str:
        nonlocal asked
        asked += 1
        if asked % 4 == 0:
            raise LMUnavailableError("busy")
        return adds_a_rule(request)

    found = await searched(World(reflection=sometimes), tmp_path / "one")
    assert found.best.mean > 0.5

    def never(request: ChatRequest) -> str:
        raise LMUnavailableError("busy")

    with pytest.raises(InvalidEvaluationError):
        await searched(World(reflection=never), tmp_path / "two")


async def test_two_specialists_are_combined(tmp_path: Path) -> None:
    def of_one_mind(request: ChatRequest) -> str:
        """Heeds only the first rule, unless the prompt says that there are several."""
        system, asked = str(request.messages[0]["content"]), str(request.messages[-1]["content"])
        heeded = re.findall(r"RULE (\w+)", system)[: 1 if "ALL" not in system else None]
        wanted = asked.split(": ")[1]
        return f"sorted {wanted}" if wanted in heeded else f"no rule for {wanted}"

    def replaces(request: ChatRequest) -> str:
        asked = question(request)
        if "Version 1:" in asked:
            return proposal("\n".join([START, "ALL", *re.findall(r"RULE \w+", asked)]))
        missing = re.findall(r"no rule for (\w+)", asked)
        return proposal(f"{START}\nRULE {missing[0] if missing else 'amber'}")

    two = RULES[:2]
    for merge in (True, False):
        world = World(
            of_one_mind,
            replaces,
            train=parcels(40, "train", rules=two, most=1),
            validation=parcels(40, "validation", rules=two, most=1),
        )
        options = EvolutionOptions(merge=merge)
        found = await searched(world, tmp_path / str(merge), calls=400, evolution=options)
        assert (found.best.mean == 1.0) is merge
        assert any(entry["notes"].startswith("combines") for entry in found.lineage) is merge


async def test_a_call_that_fails_is_no_low_score(tmp_path: Path) -> None:
    def fails_on_long_prompts(request: ChatRequest) -> str:
        if "RULE birch" in str(request.messages[0]["content"]):
            raise LMUnavailableError("too busy for birches")
        return follows_rules(request)

    async with World(fails_on_long_prompts).context(tmp_path) as context:
        found = await search(context)
    assert "RULE birch" not in found.best.candidate.prompt
    assert found.best.mean > 0.4
    assert found.best.failed == 0
