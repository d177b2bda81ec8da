"""The error rates that the gate promises, and the score that it promises, by simulation through the real code.

All draws are derived from fixed seeds, so a result is the same on every machine. "At most 5 %" is shown by the exact
binomial test: the errors that were counted would be as few with a probability of at most 1 % if the true rate were 5 %.
"""

from __future__ import annotations

import math

import pytest
from benchmarks.gate_simulation import MARGIN, accepted_within_margin, selection_bias, simulate

RUNS = 2000
LIMIT = 0.05
DOUBT = 0.01

SIZES = (20, 50, 100, 200)
SMALL_AND_LARGE = (SIZES[0], *(pytest.param(n, marks=pytest.mark.slow) for n in SIZES[1:]))


def surely_at_most(errors: int, runs: int, limit: float) -> bool:
    """Whether so few errors have a probability of at most `DOUBT` at an error rate of `limit`."""
    chance = math.fsum(
        math.comb(runs, count) * limit**count * (1 - limit) ** (runs - count) for count in range(errors + 1)
    )
    return chance <= DOUBT


def test_the_binomial_bound_is_a_strict_one() -> None:
    assert surely_at_most(77, RUNS, LIMIT)
    assert not surely_at_most(78, RUNS, LIMIT)


@pytest.mark.parametrize("n", SIZES)
def test_an_equal_prompt_is_promoted_in_at_most_one_run_of_twenty(n: int) -> None:
    count = simulate("binary", n, 0.0, RUNS)
    assert surely_at_most(count.promoted, RUNS, LIMIT)
    assert count.higher_mean / RUNS > 0.35, "a gate that asks for a higher mean only would promote these"


@pytest.mark.parametrize("n", SMALL_AND_LARGE)
@pytest.mark.parametrize("world", ["graded", "grouped"])
def test_an_equal_prompt_is_hardly_ever_promoted_with_other_kinds_of_scores(world: str, n: int) -> None:
    assert surely_at_most(simulate(world, n, 0.0, RUNS).promoted, RUNS, LIMIT)


@pytest.mark.parametrize("n", SMALL_AND_LARGE)
@pytest.mark.parametrize(("world", "differing"), [("binary", 0.1), ("binary", 0.3), ("grouped", 0.1)])
def test_a_shorter_prompt_that_is_worse_by_the_margin_is_accepted_in_at_most_one_run_of_twenty(
    world: str, n: int, differing: float
) -> None:
    accepted = accepted_within_margin(world, n, -MARGIN, RUNS, differing=differing)
    assert surely_at_most(accepted, RUNS, LIMIT)


def test_a_shorter_prompt_that_is_as_good_is_accepted() -> None:
    assert accepted_within_margin("binary", 200, 0.0, 200, differing=0.1) / 200 > 0.9


@pytest.mark.parametrize(
    ("n", "gain", "power"),
    [(50, 0.1, 0.15), (50, 0.2, 0.7), (100, 0.1, 0.35), (100, 0.2, 0.9), (200, 0.1, 0.65)],
)
def test_a_better_prompt_is_promoted_the_more_often_the_more_rows_there_are(
    n: int, gain: float, power: float
) -> None:
    assert simulate("binary", n, gain, 400).promoted / 400 > power


@pytest.mark.parametrize(("candidates", "n", "curse"), [(8, 20, 0.15), (24, 50, 0.13)])
def test_the_reported_score_of_the_best_of_many_is_not_too_good_to_be_true(
    candidates: int, n: int, curse: float
) -> None:
    bias = selection_bias(candidates, n, 300)
    assert bias.validation == pytest.approx(curse, abs=0.015), "the validation score is the winner's curse"
    assert abs(bias.test) < 3 * bias.test_error  # of 370 seeds, one would fail by chance; this one is fixed
    assert bias.test_error < 0.01
    assert bias.validation - bias.test > 0.1
