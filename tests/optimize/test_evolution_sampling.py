from __future__ import annotations

import random

from evolution_world import START, parcels
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.evolution.members import Member, child_of
from whetstone.optimize.evolution.sampling import Sampler

ROWS = parcels(24, "train")
IDS = [row.id for row in ROWS]


def parent(train: dict[str, float] | None = None) -> Member:
    found = Member(0, Candidate(START), "made up")
    found.learn(train or {})
    return found


def test_every_known_failure_is_used_once_before_one_is_used_again() -> None:
    sampler, member = Sampler(ROWS, 4), parent(dict.fromkeys(IDS[:12], 0.0))
    seen: list[str] = []
    for number in range(4):
        seen += [row.id for row in sampler.minibatch(member, IDS, random.Random(number)).failures]
    assert sorted(seen) == sorted(IDS[:12])


def test_rows_that_another_parent_used_less_come_first() -> None:
    sampler = Sampler(ROWS, 4)
    first = sampler.minibatch(parent(dict.fromkeys(IDS[:6], 0.0)), IDS, random.Random(0))
    second = sampler.minibatch(parent(dict.fromkeys(IDS[:6], 0.0)), IDS, random.Random(0))
    assert {row.id for row in first.failures}.isdisjoint(row.id for row in second.failures)


def test_a_minibatch_has_failures_and_a_row_that_is_solved() -> None:
    sampler = Sampler(ROWS, 4)
    found = sampler.minibatch(parent({**dict.fromkeys(IDS[:6], 0.0), IDS[7]: 1.0}), IDS, random.Random(0))
    assert len(found.failures) == 3
    assert [row.id for row in found.guards] == [IDS[7]]


def test_rows_on_which_the_ancestors_failed_are_asked_first() -> None:
    known = {**dict.fromkeys(IDS[:3], 0.0), **dict.fromkeys(IDS[3:6], 1.0)}
    child = child_of((parent(known),), 1, Candidate("other"), "made up", 1)
    order = [row.id for row, _ in Sampler(ROWS, 4).unexplored(child, random.Random(0))]
    assert set(order[:3]) == set(IDS[:3])
    assert set(order[-3:]) == set(IDS[3:6])
    assert len(order) == len(IDS)


def test_rows_are_asked_only_as_long_as_failures_are_missing() -> None:
    sampler = Sampler(ROWS, 4)
    assert len(sampler.to_explore(parent(), random.Random(0), 0)) >= 3
    assert sampler.to_explore(parent(dict.fromkeys(IDS[:3], 0.0)), random.Random(0), 0) == []
    solved = parent(dict.fromkeys(IDS[:20], 1.0))
    solved.scores = dict.fromkeys("abc", 1.0)
    assert len(sampler.to_explore(solved, random.Random(0), 0)) == 4, "all that are left"
    assert sampler.to_explore(parent(dict.fromkeys(IDS, 1.0)), random.Random(0), 0) == []


def test_a_row_is_never_asked_twice() -> None:
    member = parent({IDS[0]: 0.0})
    member.unanswered.add(IDS[1])
    order = {row.id for row, _ in Sampler(ROWS, 4).unexplored(member, random.Random(0))}
    assert order == set(IDS[2:])


def test_a_minibatch_of_one_is_one_failure() -> None:
    sampler = Sampler(ROWS, 1)
    found = sampler.minibatch(parent({IDS[0]: 0.0, IDS[1]: 1.0}), IDS, random.Random(0))
    assert [row.id for row in found.rows] == [IDS[0]]
