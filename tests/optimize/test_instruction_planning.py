from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whetstone.optimize.fewshot.halving import MIN_ROWS
from whetstone.optimize.instructions.planning import Plan, plan, smallest
from whetstone.optimize.spec import InstructionOptions


@given(
    calls=st.integers(0, 3000),
    rows=st.integers(1, 120),
    references=st.integers(1, 2),
    training=st.integers(0, 80),
    proposals=st.none() | st.integers(0, 20),
    repeats=st.integers(1, 4),
    minibatch=st.integers(4, 60),
    width=st.integers(1, 64),
)
def test_a_plan_always_leaves_calls_for_one_whole_candidate(
    calls: int,
    rows: int,
    references: int,
    training: int,
    proposals: int | None,
    repeats: int,
    minibatch: int,
    width: int,
) -> None:
    options = InstructionOptions(minibatch=minibatch)
    found = plan(
        options,
        calls=calls,
        rows=rows,
        references=references,
        training=training,
        proposals=proposals,
        repeats=repeats,
        width=width,
    )
    if calls < smallest(rows, references, repeats):
        assert found is None
        return
    assert found is not None
    assert min(rows, MIN_ROWS) <= found.rows <= rows
    assert 1 <= found.minibatch <= found.rows
    assert (references + 1) * found.rows * repeats + found.reflected <= calls
    assert found.reflected <= training
    assert sum(found.waves) <= options.instructions
    assert proposals is None or sum(found.waves) <= proposals
    assert sorted(found.waves, reverse=True) == list(found.waves)


def usual_plan(calls: int) -> Plan:
    """The plan with the default options for 100 validation rows."""
    found = plan(
        InstructionOptions(),
        calls=calls,
        rows=100,
        references=1,
        training=60,
        proposals=None,
        repeats=1,
        width=16,
    )
    assert found is not None
    return found


def test_a_generous_budget_gives_three_waves_and_all_rows() -> None:
    found = usual_plan(1200)
    assert (found.rows, found.minibatch, found.waves, found.finalists) == (100, 24, (3, 3, 2), 3)


def test_a_tight_budget_chooses_on_fewer_rows_but_among_several() -> None:
    found = usual_plan(120)
    assert (found.rows, found.finalists) == (12, 3)
