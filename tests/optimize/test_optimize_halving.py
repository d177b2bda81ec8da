from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize_world import rows
from whetstone.optimize.fewshot.halving import plan, smallest
from whetstone.optimize.rows.examples import parse_row
from whetstone.optimize.rows.stratified import stratified

EXAMPLES = [parse_row(row) for row in rows(60)]


@given(
    challengers=st.integers(1, 60),
    references=st.integers(1, 2),
    total=st.integers(1, 120),
    limit=st.integers(0, 9000),
)
def test_a_plan_costs_what_it_says_and_never_more_than_allowed(
    challengers: int, references: int, total: int, limit: int
) -> None:
    found = plan(challengers, references, total, limit)
    if found is None:
        assert limit < smallest(references, total)
        return
    calls, seen = 0, 0
    for rung in found.rungs:
        assert rung.rows > seen
        calls += (rung.candidates + references) * (rung.rows - seen)
        seen = rung.rows
    assert calls == found.calls
    assert calls <= limit
    assert [r.candidates for r in found.rungs] == sorted((r.candidates for r in found.rungs), reverse=True)
    if limit > 8000:
        assert (found.rungs[0].candidates, found.rungs[-1].rows) == (challengers, total)


def test_a_generous_budget_validates_few_candidates_on_all_rows() -> None:
    found = plan(24, 1, 40, 1000)
    assert found is not None
    assert [(rung.candidates, rung.rows) for rung in found.rungs] == [(24, 10), (8, 20), (3, 40)]


@pytest.mark.parametrize("length", [6, 9, 15, 30])
def test_every_prefix_of_a_stratified_order_has_the_labels_in_proportion(length: int) -> None:
    skewed = [*EXAMPLES[::3], *EXAMPLES[1::3][:10], *EXAMPLES[2::3][:10]]  # 20 RESPOND, 10 STOP, 10 IGNORE
    counts = Counter(example.label for example in stratified(skewed, 7, "validation")[:length])
    assert counts["RESPOND"] == pytest.approx(length / 2, abs=1)
    assert counts["STOP"] == pytest.approx(length / 4, abs=1)


def test_the_order_of_rows_in_the_file_changes_nothing() -> None:
    assert stratified(EXAMPLES, 1, "x") == stratified(EXAMPLES[::-1], 1, "x")
    assert stratified(EXAMPLES, 1, "x") != stratified(EXAMPLES, 2, "x")
