"""The gate's statistics against what is known of them."""

from __future__ import annotations

import math
import random

import pytest

from whetstone.optimize.gate.bounds import bounded_interval
from whetstone.optimize.gate.resampling import Group, bootstrap_interval, sign_flip_tails, signed_rank_p


def outcomes(wins: int, losses: int, ties: int) -> list[Group]:
    return [(1.0, 1)] * wins + [(-1.0, 1)] * losses + [(0.0, 1)] * ties


@pytest.mark.parametrize(("lost", "rows"), [(0, 5), (0, 20), (0, 100), (3, 20), (10, 50)])
def test_the_bound_of_right_or_wrong_data_is_that_of_clopper_and_pearson(lost: int, rows: int) -> None:
    bound = -bounded_interval(outcomes(0, lost, rows - lost), 1.0, 0.95)[0]
    # At a loss rate at the bound, as few losses or fewer are seen with probability 0.025.
    chance = math.fsum(math.comb(rows, k) * bound**k * (1 - bound) ** (rows - k) for k in range(lost + 1))
    assert chance == pytest.approx(0.025, rel=0.05)


def weighted_quantile(groups: list[Group], tail: float, draws: int) -> float:
    """Gaffke's lower bound by drawing the weights."""
    rng = random.Random(4)
    largest = max(rows for _, rows in groups)
    means = []
    for _ in range(draws):
        unseen = rng.expovariate(1) * largest
        total, rows = -unseen, unseen
        for its_total, its_rows in groups:
            weight = rng.expovariate(1)
            total += weight * its_total
            rows += weight * its_rows
        means.append(total / rows)
    return sorted(means)[int(tail * draws)]


@pytest.mark.parametrize(
    "groups",
    [
        outcomes(6, 2, 12),
        [(0.4, 1), (-0.2, 1), (0.1, 1), (0.3, 1), (0.25, 1), (-0.05, 1)],
        [(2.5, 3), (-1.0, 2), (0.0, 5), (1.0, 1), (4.0, 4), (0.5, 2)],
    ],
)
def test_the_bound_of_any_data_is_the_quantile_of_the_weighted_mean(groups: list[Group]) -> None:
    low, high = bounded_interval(groups, 1.0, 0.95)
    assert low == pytest.approx(weighted_quantile(groups, 0.025, 20_000), abs=0.02)
    mirrored = [(-total, rows) for total, rows in groups]
    assert high == pytest.approx(-bounded_interval(mirrored, 1.0, 0.95)[0], abs=1e-6)


def test_the_bounds_reach_their_ends() -> None:
    assert bounded_interval([(-1.0, 1)] * 4, 1.0, 0.95)[0] == -1
    assert bounded_interval([(4.0, 4)] * 4, 1.0, 0.95)[1] == 1


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_exact_bootstrap_is_what_resampling_comes_near_to(repeats: int) -> None:
    rng = random.Random(8)
    totals = [rng.choice((-1, 0, 0, 1, 1)) / repeats for _ in range(40)]
    exact = bootstrap_interval([(total, 1) for total in totals], random.Random(1), 200, 0.9)
    # A difference that is on no common scale makes the same sums unequal: they are drawn then.
    drawn = bootstrap_interval(
        [(total + rng.uniform(0, 1e-6), 1) for total in totals], random.Random(1), 20_000, 0.9
    )
    assert exact == pytest.approx(drawn, abs=0.02 / repeats)


def test_equal_groups_count_as_their_means() -> None:
    pairs = bootstrap_interval([(2.0, 2), (-2.0, 2), (0.0, 2), (2.0, 2)] * 5, random.Random(1), 500, 0.95)
    rows = bootstrap_interval([(1.0, 1), (-1.0, 1), (0.0, 1), (1.0, 1)] * 5, random.Random(1), 500, 0.95)
    assert pairs == pytest.approx(rows)


def test_sign_flips_are_exact_for_few_groups() -> None:
    # Of the eight sums of ±1 ±2 ±4, 7 is the largest and 5 the second.
    assert sign_flip_tails([1.0, 2.0, 4.0], random.Random(1), 200) == pytest.approx((1 / 16, 15 / 16))
    assert sign_flip_tails([-1.0, 2.0, 4.0], random.Random(1), 200) == pytest.approx((3 / 16, 13 / 16))


def test_the_signed_rank_test_is_the_textbook_one() -> None:
    # Ranks 1..10 with negative ranks 1 and 2: z = (55 - 2 * 3) / sqrt(385).
    groups = [(float(size if size > 2 else -size), 1) for size in range(1, 11)]
    z = 49 / math.sqrt(385)
    assert signed_rank_p(groups) == pytest.approx(math.erfc(z / math.sqrt(2)))
    # All sizes tie: the sign test's z, whatever the size, and zeros say nothing.
    z = (9 - 3) / math.sqrt(12)
    tied = [(0.5, 1)] * 9 + [(-0.5, 1)] * 3 + [(0.0, 1)] * 30
    assert signed_rank_p(tied) == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert signed_rank_p([(0.0, 1)] * 5) == 1
    # Some tie: sizes 0.1, 0.1, 0.2, 0.3 have the ranks 1.5, 1.5, 3 and 4; groups count by their means.
    z = (4 + 3 + 1.5 - 1.5) / math.sqrt(1.5**2 * 2 + 3**2 + 4**2)
    mixed = [(0.3, 1), (0.4, 2), (0.3, 3), (-0.1, 1)]
    assert signed_rank_p(mixed) == pytest.approx(math.erfc(z / math.sqrt(2)))
