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
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from whetstone.errors import InvalidInputError
from whetstone.optimize.gate.bounds import bounded_interval
from whetstone.optimize.gate.power import MIN_CONFIDENCE, groups_for_equivalence, groups_to_settle
from whetstone.optimize.gate.resampling import Group, bootstrap_interval, sign_flip_tails, signed_rank_p
from whetstone.optimize.gate.wording import explain

Decision = Literal["promoted", "equivalent_shorter", "inconclusive", "rejected"]

SHORTER_BY = 0.1
"""Share of its tokens that a prompt must save to be promoted as equivalent but shorter."""

_EPSILON = 1e-9
_MIN_RESAMPLES = 200


@dataclass(frozen=True)
class GateDecision:
    """The verdict on a candidate prompt and the evidence for it.

    `promoted` if the whole interval is above 0; `equivalent_shorter`, where asked for, if it is above
    `-equivalence_margin` and the candidate is at least a tenth shorter; `rejected` if the interval is below 0; else
    `inconclusive` (the incumbent stays). `delta` is the mean score of the candidate minus that of the incumbent over
    the rows, `interval` its confidence interval; it includes 0 whenever the sign-flip test cannot exclude 0. `n`,
    `wins`, `losses` and `ties` count rows, `groups` independent groups of them. `sign_p` is the two-sided p-value of
    the sign-flip test, `wilcoxon_p` that of the signed-rank test, which decides nothing. `rows_needed` and
    `groups_needed`: about how many would settle a difference of this size (or, where asked for, the equivalence);
    None where it is settled or there is no difference at all. `tokens` of incumbent and candidate, if known.
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
    wilcoxon_p: float
    incumbent_mean: float
    candidate_mean: float
    confidence: float
    rows_needed: int | None = None
    groups_needed: int | None = None
    tokens: tuple[int, int] | None = None
    equivalence_margin: float | None = None

    @property
    def promote(self) -> bool:
        """Whether the candidate replaces the incumbent."""
        return self.decision in ("promoted", "equivalent_shorter")

    @property
    def explanation(self) -> str:
        """One plain sentence."""
        return explain(self)

    def to_dict(self) -> dict[str, Any]:
        """The artifact's `promotionDecision`; `promote`, the mean scores, `delta` and `reason` are Eliza's keys."""
        return {
            "promote": self.promote,
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
            "wilcoxonP": self.wilcoxon_p,
            "rowsNeeded": self.rows_needed,
            "groupsNeeded": self.groups_needed,
            "tokens": list(self.tokens) if self.tokens else None,
            "equivalenceMargin": self.equivalence_margin,
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
    tokens: tuple[int, int] | None = None,
    equivalence_margin: float | None = None,
) -> GateDecision:
    """Compare per-row scores (0..1) of two prompts on the same rows in the same order.

    `groups[i]` names row i's group (trajectory, near-duplicates), which counts as one observation. A score may be the
    mean over repeats. `tokens` (incumbent, candidate) and a margin allow `equivalent_shorter`. Deterministic for a
    seed. An equal prompt is `promoted`, and one that is worse by the margin `equivalent_shorter`, with a chance of at
    most about (1 - confidence) / 2. Takes up to a second, so not for the event loop. `InvalidInputError`: unusable input.
    """
    _check_options(confidence, resamples, tokens, equivalence_margin)
    differences = _differences(incumbent, candidate, groups)
    clusters = _clusters(differences, groups)
    bounds, sign_p = _test(clusters, _span(differences), random.Random(seed), confidence, resamples)
    n, wins, losses = len(differences), *_wins_and_losses(differences)
    verdict = GateDecision(
        decision=_verdict(bounds, _margin(tokens, equivalence_margin)),
        delta=fmean(differences),
        interval=bounds,
        n=n,
        groups=len(clusters),
        wins=wins,
        losses=losses,
        ties=n - wins - losses,
        sign_p=sign_p,
        wilcoxon_p=signed_rank_p(clusters),
        incumbent_mean=fmean(incumbent),
        candidate_mean=fmean(candidate),
        confidence=confidence,
        tokens=tokens,
        equivalence_margin=equivalence_margin,
    )
    return _with_needs(verdict, clusters) if verdict.decision == "inconclusive" else verdict


def _test(
    clusters: Sequence[Group], span: float, rng: random.Random, confidence: float, resamples: int
) -> tuple[tuple[float, float], float]:
    """The interval and the sign-flip test's two-sided p-value.

    The bootstrap's interval is widened to 0 where the sign-flip test cannot exclude 0, and then to the bounds that
    reckon with what was not seen, unless these alone would overturn what both tests say.
    """
    tail = (1 - confidence) / 2
    lower, upper = bootstrap_interval(clusters, rng, resamples, confidence)
    above, below = sign_flip_tails([total for total, _ in clusters], rng, resamples)
    lower = lower if above <= tail else min(lower, 0.0)
    upper = upper if below <= tail else max(upper, 0.0)
    lowest, highest = bounded_interval(clusters, span, confidence)
    if lower <= _EPSILON or lowest > _EPSILON:
        lower = min(lower, lowest)
    if upper >= -_EPSILON or highest < -_EPSILON:
        upper = max(upper, highest)
    return (lower, upper), min(1.0, 2 * min(above, below))


def _verdict(bounds: tuple[float, float], margin: float | None) -> Decision:
    if bounds[0] > _EPSILON:
        return "promoted"
    if margin is not None and bounds[0] > -margin + _EPSILON:
        return "equivalent_shorter"
    return "rejected" if bounds[1] < -_EPSILON else "inconclusive"


def _margin(tokens: tuple[int, int] | None, margin: float | None) -> float | None:
    """The margin, if the candidate is short enough to be let off by it."""
    if margin is None or tokens is None:
        return None
    return margin if tokens[1] <= (1 - SHORTER_BY) * tokens[0] else None


def _with_needs(verdict: GateDecision, clusters: Sequence[Group]) -> GateDecision:
    """The open verdict with the groups, and rows of groups like these, that would settle it."""
    found = [groups_to_settle(clusters, verdict.delta, verdict.confidence)]
    margin = _margin(verdict.tokens, verdict.equivalence_margin)
    if margin is not None:
        found.append(groups_for_equivalence(clusters, margin + verdict.delta, verdict.confidence))
    groups = min((count for count in found if count is not None), default=None)
    if groups is None:
        return verdict
    rows = _round_up(max(groups * verdict.n / len(clusters), verdict.n + 1))
    return replace(verdict, rows_needed=rows, groups_needed=math.ceil(rows * len(clusters) / verdict.n))


def _differences(
    incumbent: Sequence[float], candidate: Sequence[float], groups: Sequence[str]
) -> list[float]:
    """Candidate minus incumbent, row by row."""
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
    return [new - old for old, new in zip(incumbent, candidate, strict=True)]


def _check_options(
    confidence: float, resamples: int, tokens: tuple[int, int] | None, margin: float | None
) -> None:
    if not MIN_CONFIDENCE <= confidence < 1 or resamples < _MIN_RESAMPLES:
        msg = f"confidence must be in {MIN_CONFIDENCE}..1 and resamples at least {_MIN_RESAMPLES}"
        raise InvalidInputError(msg)
    if margin is not None and not 0 < margin < 1:
        msg = "the equivalence margin must be between 0 and 1"
        raise InvalidInputError(msg)
    if margin is not None and tokens is None:
        msg = "an equivalence margin needs the tokens of both prompts"
        raise InvalidInputError(msg)


def _span(differences: Sequence[float]) -> float:
    """The largest possible difference: of scores 0..1 it is 1; a user's metric that goes beyond gets what it uses."""
    return max(1.0, *(abs(difference) for difference in differences))


def _wins_and_losses(differences: Sequence[float]) -> tuple[int, int]:
    wins = sum(difference > _EPSILON for difference in differences)
    return wins, sum(difference < -_EPSILON for difference in differences)


def _clusters(differences: Sequence[float], groups: Sequence[str]) -> list[Group]:
    totals: dict[str, list[float]] = {}
    for difference, group in zip(differences, groups, strict=True):
        # Scores such as 0.1 + 0.2 differ in the last bit; that is no difference.
        totals.setdefault(group, []).append(0.0 if abs(difference) <= _EPSILON else difference)
    return [(math.fsum(values), len(values)) for values in totals.values()]


def _round_up(value: float) -> int:
    """To two significant digits: more would feign precision."""
    step: int = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return math.ceil(value / step - _EPSILON) * step
