"""Resampling statistics of paired differences that come in groups, in pure Python and fast enough for a worker.

A group is an independent unit (all rows of one trajectory): `(sum of its differences, number of its rows)`.
"""

from __future__ import annotations

import math
import operator
import random
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

Group = tuple[float, int]

_MAX_DRAWS = 4_000_000
"""Drawn groups over all resamples: about a second. Larger data needs fewer resamples for the same accuracy."""
_MIN_RESAMPLES = 1_000
_MAX_EXACT_SUMS = 4_096
_DECIMALS = 9
_BLOCK = 8
_TOLERANCE = 1e-9

_NORMAL = NormalDist()


def bootstrap_means(groups: Sequence[Group], rng: random.Random, resamples: int) -> list[float]:
    """Sorted mean differences of cluster-bootstrap resamples (Efron & Tibshirani 1993, ch. 6 and 8).

    Whole groups are drawn with replacement; a resample's mean is over its rows.
    """
    count = len(groups)
    resamples = min(resamples, max(_MIN_RESAMPLES, _MAX_DRAWS // count))
    # A complex number adds up differences and rows in one pass of the C loop of `sum`.
    population = [complex(total, rows) for total, rows in groups]
    means = []
    for _ in range(resamples):
        drawn = sum(rng.choices(population, k=count))
        means.append(drawn.real / drawn.imag)
    means.sort()
    return means


def interval(means: Sequence[float], groups: int, confidence: float) -> tuple[float, float]:
    """The expanded percentile interval of sorted bootstrap means.

    The plain percentile interval is too narrow for few groups; its levels are moved out so that it is as wide as
    the t interval would be for normal data (Hesterberg 2015, "What Teachers Should Know About the Bootstrap").
    """
    tail = (1 - confidence) / 2
    if groups > 1:
        tail = _NORMAL.cdf(-math.sqrt(groups / (groups - 1)) * _t_quantile(1 - tail, groups - 1))
    skipped = math.floor(tail * len(means))
    return means[skipped], means[-1 - skipped]


def sign_flip_tails(totals: Sequence[float], rng: random.Random, flips: int) -> tuple[float, float]:
    """One-sided mid-p-values `(upper, lower)` of the sign-flip test on the groups' sums.

    If two prompts are equally good, each group's difference is as likely to have the opposite sign. `upper` is the
    chance of a larger sum than the observed one plus half the chance of the same sum (Lancaster 1961: the plain
    p-value is needlessly conservative when few sums are possible); `lower` likewise downwards. Exact where the
    sums fall on few values, as they do for right-or-wrong scores (it is the sign test then) and for few groups;
    else estimated from random signs with the observed ones among them.
    """
    sizes = [abs(total) for total in totals if total != 0]
    observed = math.fsum(totals)
    chances = _exact_sums(sizes)
    if chances is None:
        share = 1 / (flips + 1)
        chances = [*((value, share) for value in _random_sums(sizes, rng, flips)), (observed, share)]
    slack = _TOLERANCE * (1 + len(sizes))
    larger = math.fsum(chance for value, chance in chances if value > observed + slack)
    smaller = math.fsum(chance for value, chance in chances if value < observed - slack)
    same = math.fsum(chance for value, chance in chances if abs(value - observed) <= slack)
    return larger + same / 2, smaller + same / 2


def standard_error(groups: Sequence[Group]) -> float:
    """Standard error of the mean difference over rows, robust to dependence within groups (0 for one group)."""
    count = len(groups)
    if count < 2:
        return 0.0
    rows = sum(size for _, size in groups)
    mean = math.fsum(total for total, _ in groups) / rows
    spread = math.fsum((total - size * mean) ** 2 for total, size in groups)
    return math.sqrt(spread * count / (count - 1)) / rows


def _exact_sums(sizes: Sequence[float]) -> list[tuple[float, float]] | None:
    """The distinct sums under all signs with their chances; None if there are too many of them."""
    chances = {0.0: 1.0}
    for size in sizes:
        longer: dict[float, float] = defaultdict(float)
        for value, chance in chances.items():
            longer[round(value + size, _DECIMALS)] += chance / 2
            longer[round(value - size, _DECIMALS)] += chance / 2
        if len(longer) > _MAX_EXACT_SUMS:
            return None
        chances = longer
    return list(chances.items())


def _random_sums(sizes: Sequence[float], rng: random.Random, flips: int) -> list[float]:
    """Sums under random signs; eight signs are drawn at a time, from the block's table."""
    sums = [0.0] * flips
    for start in range(0, len(sizes), _BLOCK):
        table = [0.0]
        for size in sizes[start : start + _BLOCK]:
            table = [value + size for value in table] + [value - size for value in table]
        sums = list(map(operator.add, sums, rng.choices(table, k=flips)))
    return sums


def _t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion around the normal one (Abramowitz & Stegun 26.7.5)."""
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
