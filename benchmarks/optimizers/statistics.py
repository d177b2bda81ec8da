"""Means with 95 % intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Two-sided 95 % quantiles of Student's t, by degrees of freedom.
_T = (
    12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09,
    2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and the half width of its 95 % interval (infinite for a single value)."""

    value: float
    half: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.half:.3f}"

    @property
    def low(self) -> float:
        return self.value - self.half

    @property
    def high(self) -> float:
        return self.value + self.half


def mean(values: Sequence[float]) -> Mean:
    """The mean of independent values, one a seed."""
    count = len(values)
    centre = sum(values) / count
    if count == 1:
        return Mean(centre, math.inf)
    variance = sum((value - centre) ** 2 for value in values) / (count - 1)
    quantile = _T[count - 2] if count - 2 < len(_T) else 1.96
    return Mean(centre, quantile * math.sqrt(variance / count))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Mean:
    """The mean difference, seed by seed."""
    return mean([our - their for our, their in zip(ours, theirs, strict=True)])
