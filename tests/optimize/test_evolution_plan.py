from __future__ import annotations

from pathlib import Path

import pytest

from evolution_world import START, World, parcels
from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.evolution.plan import make_plan

ANOTHER = Candidate(f"{START} Now.")


@pytest.mark.parametrize("rows", [5, 12, 60, 100])
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("incumbent", [None, ANOTHER])
async def test_first_and_last_validation_and_a_step_are_always_paid_for(
    tmp_path: Path, rows: int, repeats: int, incumbent: Candidate | None
) -> None:
    world = World(validation=parcels(rows, "validation"))
    planned = 0
    for calls in range(8, 1600, 41):
        folder = tmp_path / str(calls)
        async with world.context(folder, calls=calls, repeats=repeats, incumbent=incumbent) as context:
            try:
                plan = make_plan(context)
            except InvalidInputError:
                assert calls < 150
                continue
        planned += 1
        assert 1 <= plan.probe <= plan.prefix <= plan.validation <= rows
        first = (plan.validation + (plan.prefix if incumbent else 0)) * repeats
        step = (plan.prefix + context.spec.evolution.minibatch) * repeats
        assert first + plan.reserve(plan.prefix) + step <= calls
    assert planned > 20


async def test_a_large_budget_uses_all_rows_and_a_small_one_keeps_most_for_searching(tmp_path: Path) -> None:
    world = World(validation=parcels(100, "validation"))
    async with world.context(tmp_path / "large", calls=1500) as context:
        large = make_plan(context)
    async with world.context(tmp_path / "small", calls=150) as context:
        small = make_plan(context)
    assert (large.validation, large.prefix, large.finalists) == (100, 34, 3)
    assert small.validation == 25
    assert small.finalists == 1
