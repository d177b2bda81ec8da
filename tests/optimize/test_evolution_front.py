from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.evolution.front import draw, front, leaders
from whetstone.optimize.evolution.members import Member

ROWS = ["r0", "r1", "r2", "r3"]


def member(number: int, *scores: float, text: str = "text", gain: float = 0.0) -> Member:
    found = Member(number, Candidate(f"{text} {number}"), "made up", gain=gain)
    found.scores = dict(zip(ROWS, scores, strict=False))
    return found


def test_a_candidate_counts_for_each_row_on_which_it_leads() -> None:
    members = [member(0, 1, 1, 0, 0), member(1, 0, 0, 1, 0.5), member(2, 0, 0, 0, 1)]
    assert front(members, ROWS) == {0: 2, 1: 1, 2: 1}


def test_dominated_candidates_are_removed_also_where_they_tie() -> None:
    assert front([member(0, 1, 1, 0, 0), member(1, 1, 1, 1, 0)], ROWS) == {1: 4}
    covered_by_two = [member(0, 1, 1, 0, 0), member(1, 0, 1, 1, 0), member(2, 1, 0, 1, 1)]
    assert 0 in front(covered_by_two[:2], ROWS)
    assert set(front([*covered_by_two, member(3, 1, 0, 1, 0)], ROWS)).isdisjoint({3})


def test_training_gain_and_then_tokens_break_a_tie() -> None:
    assert front([member(0, 1, 0, 0, 0, gain=1.0), member(1, 1, 0, 0, 0)], ROWS) == {0: 4}
    assert front([member(0, 1, 0, 0, 0), member(1, 1, 0, 0, 0, text="much longer text")], ROWS) == {0: 4}


def test_parents_are_drawn_as_often_as_they_lead() -> None:
    members = [member(0, 1, 1, 1, 0), member(1, 0, 0, 0, 1)]
    counts = front(members, ROWS)
    drawn = Counter(draw(members, counts, random.Random(number)).number for number in range(400))
    assert 240 < drawn[0] < 360


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4), min_size=1, max_size=8))
def test_the_front_holds_a_leader_of_every_row_and_nobody_superfluous(table: list[list[float]]) -> None:
    members = [member(number, *scores) for number, scores in enumerate(table)]
    counts = front(members, ROWS)
    kept = [each for each in members if each.number in counts]
    for best, row in zip(leaders(members, ROWS), ROWS, strict=True):
        assert best & set(counts), row
    for each in kept:
        others = [other for other in kept if other is not each]
        assert not others or any(
            each.scores[row] > max(other.scores[row] for other in others) for row in ROWS
        ), "leads nowhere alone"
