"""Confidence bounds of a mean difference that hold for few groups and for groups that never differ.

A bootstrap knows only the differences that were seen: where 20 rows show none, its interval is 0..0, although a
prompt that loses one row in twenty shows none on 20 rows a third of the time. Gaffke's bound (Learned-Miller & Thomas 2019, "A New
Confidence Interval for the Mean of a Bounded Random Variable") adds one observation at the worst possible value and
weighs all of them with random exponential weights. For right-or-wrong data it is the exact bound of Clopper and Pearson.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

from whetstone.optimize.gate.resampling import Group

_NORMAL = NormalDist()
_PRECISION = 1e-4
_STEPS = 60
_CENTRE = 1e-3

Weights = list[tuple[float, int]]


def bounded_interval(groups: Sequence[Group], span: float, confidence: float) -> tuple[float, float]:
    """Bounds of the mean difference over rows when each row's difference is in -span..span."""
    tail = (1 - confidence) / 2
    upper = -_lower([(-total, rows) for total, rows in groups], span, tail)
    return _lower(groups, span, tail), upper


def _lower(groups: Sequence[Group], span: float, tail: float) -> float:
    """The mean that random weights fall short of with probability `tail`."""
    largest = max(rows for _, rows in groups)
    kinds = Counter(groups)
    # The observation that was not seen: a group as large as the largest, lost as badly as can be.
    kinds[(-span * largest, largest)] += 1
    low, high = -span, math.fsum(total for total, _ in groups) / sum(rows for _, rows in groups)
    while high - low > _PRECISION:
        mean = (low + high) / 2
        weights = [(total - mean * rows, times) for (total, rows), times in kinds.items()]
        low, high = (low, mean) if _chance_below_zero(weights) > tail else (mean, high)
    return low


def _chance_below_zero(weights: Weights) -> float:
    """P(sum of weight x exponential variable < 0), by the saddlepoint formula of Lugannani & Rice (1980)."""
    if max(weight for weight, _ in weights) <= 0:
        return 1.0
    s = _saddlepoint(weights)
    height = -2 * math.fsum(times * math.log1p(-weight * s) for weight, times in weights)
    curvature = math.fsum(times * (weight / (1 - weight * s)) ** 2 for weight, times in weights)
    r = math.copysign(math.sqrt(max(0.0, -height)), s)
    u = s * math.sqrt(curvature)
    if abs(r) < _CENTRE or abs(u) < _CENTRE:
        return 0.5
    return _NORMAL.cdf(r) + _NORMAL.pdf(r) * (1 / r - 1 / u)


def _saddlepoint(weights: Weights) -> float:
    """Where the cumulant generating function, -sum(log(1 - weight * s)), is flat: Newton's steps between bounds."""
    low, high = 1 / min(weight for weight, _ in weights), 1 / max(weight for weight, _ in weights)
    s = 0.0
    for _ in range(_STEPS):
        slope = curvature = 0.0
        for weight, times in weights:
            term = weight / (1 - weight * s)
            slope += term * times
            curvature += term * term * times
        low, high = (low, s) if slope > 0 else (s, high)
        following = s - slope / curvature
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - s) <= 1e-6 * abs(following):
            break
        s = following
    return s
