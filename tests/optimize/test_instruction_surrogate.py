from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

import pytest

from whetstone.optimize.instructions.space import Point
from whetstone.optimize.instructions.surrogate import suggest

SHAPE = (9, 7, 2)
POINTS = [Point(*indices) for indices in product(*map(range, SHAPE))]


def anything(point: Point) -> Point:
    return point


def value(point: Point) -> float:
    """Needs instruction 3 and demonstrations 5 together; each helps a little alone."""
    return (
        0.1
        + 0.15 * (point.instruction == 3)
        + 0.15 * (point.demonstrations == 5)
        + 0.4 * (point[:2] == (3, 5))
    )


def trials_to_best(seed: int, choose: Callable[[list[tuple[Point, float]], int], list[Point]]) -> int:
    rng = random.Random(seed)
    seen = [(point, value(point) + rng.gauss(0, 0.05)) for point in rng.sample(POINTS, 4)]
    for batch in range(40):
        chosen = choose(seen, batch)
        if any(value(point) > 0.7 for point in chosen):
            return 3 * batch
        seen += [(point, value(point) + rng.gauss(0, 0.05)) for point in chosen]
    return 120


def test_good_pairs_are_found_sooner_than_by_chance() -> None:
    def by_surrogate(seen: list[tuple[Point, float]], batch: int) -> list[Point]:
        tried = {point for point, _ in seen}
        return suggest(seen, SHAPE, POINTS, lambda p: None if p in tried else p, 3, batch)

    def by_chance(seen: list[tuple[Point, float]], batch: int) -> list[Point]:
        tried = {point for point, _ in seen}
        return random.Random(f"{batch} {seen[0][1]}").sample([p for p in POINTS if p not in tried], 3)

    ours = [trials_to_best(seed, by_surrogate) for seed in range(12)]
    theirs = [trials_to_best(seed, by_chance) for seed in range(12)]
    assert sum(ours) < 0.5 * sum(theirs)


def test_the_same_scores_and_seed_give_the_same_batch_of_different_points() -> None:
    seen = [(point, value(point)) for point in POINTS[::11]]
    first = suggest(seen, SHAPE, POINTS, anything, 5, seed=7)
    assert first == suggest(seen, SHAPE, POINTS, anything, 5, seed=7)
    assert len(set(first)) == 5


@pytest.mark.parametrize("seen", [[], [(POINTS[0], 0.5)]])
def test_what_is_not_usable_is_never_suggested(seen: list[tuple[Point, float]]) -> None:
    left = set(POINTS[50:53])
    found = suggest(seen, SHAPE, POINTS, lambda p: p if p in left else None, 5, seed=1)
    assert set(found) == left
    assert suggest(seen, SHAPE, POINTS, lambda _: None, 5, seed=1) == []


def test_a_space_of_one_point_is_no_problem() -> None:
    only = Point(0, 0, 0)
    assert suggest([(only, 0.4)], (1, 1, 1), [only], anything, 3, seed=0) == [only]
