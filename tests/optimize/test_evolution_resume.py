from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolution_world import World, hinted, parcels
from whetstone.lm.errors import LMUnavailableError
from whetstone.lm.types import ChatRequest
from whetstone.optimize.evolution.search import search
from whetstone.optimize.optimizer import SearchResult


async def finished(folder: Path, reflection: Any, width: int = 16) -> tuple[SearchResult, int]:
    world = World(reflection=reflection, train=parcels(24, "train"), validation=parcels(24, "validation"))
    async with world.context(folder, calls=170, width=width) as context:
        return await search(context), context.ledger.search.calls


@pytest.mark.parametrize("share", [0.5, 1.0])
async def test_a_search_cut_off_at_any_step_ends_like_an_uninterrupted_one(
    tmp_path: Path, share: float
) -> None:
    expected = await finished(tmp_path / "whole", hinted(share))
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 30
    for kept in range(1, len(lines)):
        folder = tmp_path / f"cut-{kept}"
        folder.mkdir()
        torn = lines[kept][: len(lines[kept]) // 2]
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        # Where the endpoint takes another number of calls at once now, the search goes on as it was planned.
        width = 16 if kept == 1 else 8
        assert await finished(folder, hinted(share), width) == expected, f"cut after {kept} steps"
        assert (folder / "journal.jsonl").read_bytes().count(b"\n") == len(lines)


async def test_a_reflection_that_failed_once_has_failed_for_good(tmp_path: Path) -> None:
    asked = 0

    def sometimes(request: ChatRequest) -> str:
        nonlocal asked
        asked += 1
        if asked % 5 == 0:
            raise LMUnavailableError("busy")
        return str(hinted(1.0)(request))

    expected = await finished(tmp_path, sometimes)
    before = asked
    assert await finished(tmp_path, sometimes) == expected
    assert asked == before
