"""The promotion gate: is the candidate better than the incumbent, beyond the luck of the test rows?

Both prompts are scored once on the same held-out rows. The differences are judged by two tests that must agree: a
cluster bootstrap interval of the mean difference, and a sign-flip test over the groups. Either alone promotes equal
prompts too often, or better ones too rarely, on the 15 to 50 rows that users really have;
`benchmarks/gate_simulation.py` shows the figures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from whetstone.errors import InvalidInputError
from whetstone.optimize.gate.resampling import (
    Group,
    bootstrap_means,
    interval,
    sign_flip_tails,
    standard_error,
)

Decision = Literal["promoted", "inconclusive", "rejected"]

POWER = 0.8
"""Chance that `rows_needed` rows settle a difference of the observed size, if it is the true one."""

_EPSILON = 1e-9
_MIN_RESAMPLES = 200


@dataclass(frozen=True)
class GateDecision:
    """The verdict on a candidate prompt and the evidence for it.

    `promoted` if the whole interval is above 0, `rejected` if it is below, else `inconclusive` (the incumbent
    stays). `delta` is the mean score of the candidate minus that of the incumbent over the rows, `interval` its
    confidence interval; it includes 0 whenever the sign-flip test cannot exclude 0. `n`, `wins`, `losses` and
    `ties` count rows, `groups` independent groups of them. `sign_p` is the two-sided p-value of the sign-flip
    test. `rows_needed`: about how many test rows would settle a difference of this size; None where it is settled
    or there is no difference at all. `explanation` is one plain sentence.
    """

    decision: Decision
    delta: float
    interval: tuple[float, float]
    n: int
    groups: int
    wins: int
    losses: int
    ties: int
    sign_p: float
    incumbent_mean: float
    candidate_mean: float
    confidence: float
    rows_needed: int | None
    explanation: str

    def to_dict(self) -> dict[str, Any]:
        """The artifact's `promotionDecision`; `promote`, the mean scores, `delta` and `reason` are Eliza's keys."""
        return {
            "promote": self.decision == "promoted",
            "decision": self.decision,
            "delta": self.delta,
            "interval": list(self.interval),
            "confidence": self.confidence,
            "incumbentMeanScore": self.incumbent_mean,
            "candidateScore": self.candidate_mean,
            "examplesPerPass": self.n,
            "groups": self.groups,
            "wins": self.wins,
            "losses": self.losses,
            "ties": self.ties,
            "signP": self.sign_p,
            "rowsNeeded": self.rows_needed,
            "reason": self.explanation,
        }


def decide(
    incumbent: Sequence[float],
    candidate: Sequence[float],
    groups: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> GateDecision:
    """Compare per-row scores of two prompts on the same rows in the same order.

    `groups[i]` names the group of row i (its trajectory, or its cluster of near-duplicates); rows of one group count
    as one observation. Deterministic for a seed. With equal prompts the chance of a promotion is at most about
    (1 - confidence) / 2. Takes up to a second; run it outside the event loop. Raises `InvalidInputError` for empty,
    unequally long or non-finite input.
    """
    _check(incumbent, candidate, groups, confidence, resamples)
    differences = [new - old for old, new in zip(incumbent, candidate, strict=True)]
    clusters = _clusters(differences, groups)
    bounds, sign_p = _test(clusters, random.Random(seed), confidence, resamples)
    decision = _verdict(bounds)
    n = len(differences)
    delta = math.fsum(differences) / n
    needed = _rows_needed(clusters, n, delta, confidence) if decision == "inconclusive" else None
    return GateDecision(
        decision=decision,
        delta=delta,
        interval=bounds,
        n=n,
        groups=len(clusters),
        wins=sum(difference > _EPSILON for difference in differences),
        losses=sum(difference < -_EPSILON for difference in differences),
        ties=sum(abs(difference) <= _EPSILON for difference in differences),
        sign_p=sign_p,
        incumbent_mean=math.fsum(incumbent) / n,
        candidate_mean=math.fsum(candidate) / n,
        confidence=confidence,
        rows_needed=needed,
        explanation=_explain(decision, delta, bounds, n, len(clusters), confidence, needed),
    )


def _test(
    clusters: Sequence[Group], rng: random.Random, confidence: float, resamples: int
) -> tuple[tuple[float, float], float]:
    """The interval, widened to 0 where the sign-flip test cannot exclude 0, and that test's two-sided p-value."""
    lower, upper = interval(bootstrap_means(clusters, rng, resamples), len(clusters), confidence)
    above, below = sign_flip_tails([total for total, _ in clusters], rng, resamples)
    tail = (1 - confidence) / 2
    bounds = (lower if above <= tail else min(lower, 0.0), upper if below <= tail else max(upper, 0.0))
    return bounds, min(1.0, 2 * min(above, below))


def _verdict(bounds: tuple[float, float]) -> Decision:
    if bounds[0] > _EPSILON:
        return "promoted"
    return "rejected" if bounds[1] < -_EPSILON else "inconclusive"


def _check(
    incumbent: Sequence[float],
    candidate: Sequence[float],
    groups: Sequence[str],
    confidence: float,
    resamples: int,
) -> None:
    if not incumbent:
        msg = "there are no test rows to compare the prompts on"
        raise InvalidInputError(msg)
    if not len(incumbent) == len(candidate) == len(groups):
        msg = (
            f"the scores do not belong to the same rows: {len(incumbent)} of the incumbent, "
            f"{len(candidate)} of the candidate, {len(groups)} groups"
        )
        raise InvalidInputError(msg)
    if not all(map(math.isfinite, (*incumbent, *candidate))):
        msg = "every score must be a finite number"
        raise InvalidInputError(msg)
    if not 0.5 <= confidence < 1 or resamples < _MIN_RESAMPLES:
        msg = f"confidence must be in 0.5..1 and resamples at least {_MIN_RESAMPLES}"
        raise InvalidInputError(msg)


def _clusters(differences: Sequence[float], groups: Sequence[str]) -> list[Group]:
    totals: dict[str, list[float]] = {}
    for difference, group in zip(differences, groups, strict=True):
        # Scores such as 0.1 + 0.2 differ in the last bit; that is no difference.
        totals.setdefault(group, []).append(0.0 if abs(difference) <= _EPSILON else difference)
    return [(math.fsum(values), len(values)) for values in totals.values()]


def _rows_needed(clusters: Sequence[Group], n: int, delta: float, confidence: float) -> int | None:
    """Rows at which a true difference of `delta` would be settled with probability `POWER` (normal approximation)."""
    if abs(delta) <= _EPSILON:
        return None
    tail = (1 - confidence) / 2
    normal = NormalDist()
    distance = normal.inv_cdf(1 - tail) + normal.inv_cdf(POWER)
    by_interval = n * (distance * standard_error(clusters) / delta) ** 2
    # The mid-p sign-flip test cannot reach the level with fewer groups than this, however clear they are.
    by_signs = math.ceil(math.log2(1 / tail) - 1) * n / len(clusters)
    return _round_up(max(by_interval, by_signs, n + 1))


def _round_up(value: float) -> int:
    """To two significant digits: more would feign precision."""
    step: int = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return math.ceil(value / step - _EPSILON) * step


def _explain(
    decision: Decision,
    delta: float,
    bounds: tuple[float, float],
    n: int,
    groups: int,
    confidence: float,
    needed: int | None,
) -> str:
    verdict = {"promoted": "promoted", "inconclusive": "kept", "rejected": "rejected"}[decision]
    digits = 2 if abs(delta) >= 0.01 or abs(delta) <= _EPSILON else 4
    low, high = (f"{bound + 0.0:+.{digits}f}" for bound in bounds)
    rows = f"{n} test row{'s' if n != 1 else ''}"
    if groups != n:
        rows += f" in {groups} group{'s' if groups != 1 else ''}"
    sentence = (
        f"{verdict}: {delta + 0.0:+.{digits}f} on {rows}, {100 * confidence:.3g} % interval {low}..{high}"
    )
    if needed is not None:
        return f"{sentence}; about {needed} rows would settle it"
    return sentence if decision != "inconclusive" else f"{sentence}; no difference to be seen"
