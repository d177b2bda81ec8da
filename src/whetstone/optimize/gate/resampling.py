"""Resampling statistics of paired differences that come in groups, in pure Python and fast enough for a worker.

A group is an independent unit (all rows of one trajectory): `(sum of its differences, number of its rows)`. Where
the sums fall on few values, as they do for right-or-wrong scores, nothing is drawn: the distribution is exact.
"""

from __future__ import annotations

import math
import operator
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import NormalDist

Group = tuple[float, int]

_MAX_DRAWS = 4_000_000
"""Drawn groups over all resamples: about a second. Larger data needs fewer resamples for the same accuracy."""
_MIN_RESAMPLES = 1_000
_MAX_EXACT_SUMS = 4_096
_MAX_PRODUCTS = 250_000
"""Of one step of an exact bootstrap: some 30 ms."""
_NEGLIGIBLE = 1e-13
_MAX_SCALE = 100
"""Scores with two decimals, means over repeats, rubrics of a few items: their sums meet again and again."""
_FEW_SIZES = 12
_DECIMALS = 9
_BLOCK = 8
_TOLERANCE = 1e-9

_NORMAL = NormalDist()


def bootstrap_interval(
    groups: Sequence[Group], rng: random.Random, resamples: int, confidence: float
) -> tuple[float, float]:
    """The expanded percentile interval of the cluster bootstrap (Efron & Tibshirani 1993, ch. 6 and 8).

    Whole groups are drawn with replacement; a resample's mean is over its rows. The plain percentile interval is too
    narrow for few groups; its levels are moved out so that it is as wide as the t interval would be for normal
    data (Hesterberg 2015, "What Teachers Should Know About the Bootstrap").
    """
    tail = (1 - confidence) / 2
    count = len(groups)
    if count > 1:
        tail = _NORMAL.cdf(-math.sqrt(count / (count - 1)) * t_quantile(1 - tail, count - 1))
    exact = _exact_means(groups)
    if exact is None:
        means = _random_means(groups, rng, resamples)
        skipped = math.floor(tail * len(means))
        return means[skipped], means[-1 - skipped]
    upwards = sorted(exact.items())
    return _quantile(upwards, tail), _quantile(upwards[::-1], tail)


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


def signed_rank_p(groups: Sequence[Group]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test on the groups' mean differences, without the zeros.

    By the normal approximation; the variance is that of the ranks at hand, so ties are allowed for. 1 without any
    difference.
    """
    means = [total / rows for total, rows in groups if total != 0]
    if not means:
        return 1.0
    sizes = Counter(round(abs(mean), _DECIMALS) for mean in means)
    ranks: dict[float, float] = {}
    below = 0
    for size, count in sorted(sizes.items()):
        ranks[size] = below + (count + 1) / 2
        below += count
    signed = [math.copysign(ranks[round(abs(mean), _DECIMALS)], mean) for mean in means]
    z = abs(math.fsum(signed)) / math.sqrt(math.fsum(rank * rank for rank in signed))
    return 2 * _NORMAL.cdf(-z)


def standard_error(groups: Sequence[Group]) -> float:
    """Standard error of the mean difference over rows, robust to dependence within groups (0 for one group)."""
    count = len(groups)
    if count < 2:
        return 0.0
    rows = sum(size for _, size in groups)
    mean = math.fsum(total for total, _ in groups) / rows
    spread = math.fsum((total - size * mean) ** 2 for total, size in groups)
    return math.sqrt(spread * count / (count - 1)) / rows


def _quantile(chances: Sequence[tuple[float, float]], tail: float) -> float:
    """The first value at which the chances up to it exceed `tail`."""
    reached = 0.0
    for value, chance in chances:
        reached += chance
        if reached > tail:
            return value
    return chances[-1][0]


def _random_means(groups: Sequence[Group], rng: random.Random, resamples: int) -> list[float]:
    """Sorted mean differences of random resamples."""
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


def _exact_means(groups: Sequence[Group]) -> dict[float, float] | None:
    """The chance of each mean of a resample; None for groups of unequal size or sums on too many values."""
    rows = groups[0][1]
    scale = _common_scale([total for total, _ in groups])
    if scale is None or any(size != rows for _, size in groups):
        return None
    count = len(groups)
    drawn = Counter(round(total * scale) for total, _ in groups)
    power: dict[int, float] | None = {value: times / count for value, times in drawn.items()}
    sums: dict[int, float] | None = {0: 1.0}
    remaining = count
    while remaining and power is not None and sums is not None:
        if remaining % 2:
            sums = _likely(_convolved(sums, power))
        remaining //= 2
        power = _likely(_convolved(power, power)) if remaining else power
    if power is None or sums is None:
        return None
    return {total / (scale * count * rows): chance for total, chance in sums.items()}


def _common_scale(values: Sequence[float]) -> int | None:
    """The smallest number that makes all values whole, if a small one does."""
    for scale in range(1, _MAX_SCALE + 1):
        if all(abs(value * scale - round(value * scale)) <= _TOLERANCE * scale for value in values):
            return scale
    return None


def _convolved(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float] | None:
    """The distribution of the sum of two independent values; None if there are too many values."""
    if len(one) * len(other) > _MAX_PRODUCTS:
        return None
    sums: dict[int, float] = defaultdict(float)
    for value, chance in one.items():
        for added, its_chance in other.items():
            sums[value + added] += chance * its_chance
    return sums


def _likely(sums: dict[int, float] | None) -> dict[int, float] | None:
    if sums is None:
        return None
    return {value: chance for value, chance in sums.items() if chance > _NEGLIGIBLE}


def _exact_sums(sizes: Sequence[float]) -> list[tuple[float, float]] | None:
    """The distinct sums under all signs with their chances; None if there are too many of them."""
    scale = _common_scale(sizes) or (10**_DECIMALS if len(sizes) <= _FEW_SIZES else None)
    if scale is None:
        return None
    chances: dict[int, float] = {0: 1.0}
    for size, count in Counter(round(size * scale) for size in sizes).items():
        of_this_size = {size * (2 * up - count): math.comb(count, up) / 2**count for up in range(count + 1)}
        longer = _convolved(chances, of_this_size)
        if longer is None or len(longer) > _MAX_EXACT_SUMS:
            return None
        chances = longer
    return [(total / scale, chance) for total, chance in chances.items()]


def _random_sums(sizes: Sequence[float], rng: random.Random, flips: int) -> list[float]:
    """Sums under random signs; eight signs are drawn at a time, from the block's table."""
    sums = [0.0] * flips
    for start in range(0, len(sizes), _BLOCK):
        table = [0.0]
        for size in sizes[start : start + _BLOCK]:
            table = [value + size for value in table] + [value - size for value in table]
        sums = list(map(operator.add, sums, rng.choices(table, k=flips)))
    return sums


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion around the normal one (Abramowitz & Stegun 26.7.5)."""
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
