from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optimize_world import answer, right_decision
from search_world import BASELINE, ScriptedModel, search_context
from whetstone.optimize.instructions.search import search
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.spec import InstructionOptions
from whetstone.settings import Settings

OPTIONS = InstructionOptions(instructions=3, minibatch=8, full_every=2)


def chance(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


def half_right(messages: Sequence[Any]) -> str:
    """Right on rows by chance, which differs from prompt to prompt: every score counts for the way of the search."""
    text = "".join(str(message["content"]) for message in messages)
    return answer(right_decision(str(messages[-1]["content"]))) if chance(text) < 0.5 else "Hm."


def counting(before: int = 0) -> ScriptedModel:
    """A reflection model that never says the same twice, even to the same question."""
    asked = before

    def write(_messages: Sequence[Any]) -> str:
        nonlocal asked
        asked += 1
        return f"<instruction>Decide wisely what Fern does, attempt {asked}.</instruction>"

    return ScriptedModel(write, "reflection")


def essence(found: SearchResult, context: SearchContext) -> dict[str, Any]:
    calls = {purpose: account.calls for purpose, account in context.ledger.accounts.items() if account.calls}
    return {
        "best": found.best,
        "incumbent": found.incumbent,
        "origin": found.origin,
        "tried": found.tried,
        "finish": found.finish_reason,
        "lineage": found.lineage,
        "edits": found.edits,
        "calls": calls,
        "rejected": dict(context.guard.rejected),
    }


@pytest.mark.parametrize(("stage", "every"), [("", 1), ("instructions", 5)])
async def test_a_search_cut_off_at_any_step_ends_like_an_uninterrupted_one(
    tmp_path: Path, settings: Settings, stage: str, every: int
) -> None:
    def staged(context: SearchContext) -> SearchContext:
        return context.in_stage(stage, BASELINE, 220) if stage else context

    options: dict[str, Any] = {"calls": 240, "instructions": OPTIONS, "repeats": 1}
    async with search_context(tmp_path / "whole", settings, half_right, reflection=counting(), **options) as (
        context,
        _,
    ):
        expected = essence(await search(staged(context)), context)
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 10
    proposals = [number for number, line in enumerate(lines) if b'"kind":"proposals"' in line]
    for kept in range(1, len(lines), every):
        folder = tmp_path / f"cut-{kept}"
        folder.mkdir()
        torn = lines[kept][: len(lines[kept]) // 2]
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        reflection = counting(_answers(lines, [number for number in proposals if number < kept]))
        width = 8 if kept == 1 else 5  # the endpoint's width may be another when the search goes on
        async with search_context(
            folder, settings, half_right, reflection=reflection, width=width, **options
        ) as (context, _):
            assert essence(await search(staged(context)), context) == expected, f"cut after {kept} steps"


def _answers(lines: Sequence[bytes], proposals: Sequence[int]) -> int:
    """How many answers the reflection model had given."""
    return sum(lines[number].count(b'"text":') for number in proposals)


async def test_another_seed_takes_another_way(tmp_path: Path, settings: Settings) -> None:
    ways = []
    for seed in (1, 2):
        async with search_context(
            tmp_path / str(seed), settings, half_right, reflection=counting(), instructions=OPTIONS, seed=seed
        ) as (context, _):
            found = await search(replace(context))
            ways.append([entry["candidate"] for entry in found.lineage])
    assert ways[0] != ways[1]
