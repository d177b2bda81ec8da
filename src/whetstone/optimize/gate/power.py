"""What a test set can find: before money is spent, and when a verdict stays open.

The chances are those of the gate's sign test on right-or-wrong scores, exactly up to `_EXACT_UNITS` independent groups and
by the normal approximation beyond; `benchmarks/gate_simulation.py` holds them against the whole gate.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, pvariance
from typing import Any, Literal

from whetstone.errors import InvalidInputError
from whetstone.optimize.gate.resampling import Group, standard_error, t_quantile

POWER = 0.8
"""The chance with which a difference that a test set "finds" is found."""
DIFFERING = 0.3
"""Share of rows on which two prompts differ, where nothing is known: what prompts of one task often do."""
GAINS = (0.05, 0.1, 0.2)
MIN_CONFIDENCE = 0.5

_EXACT_UNITS = 100
_PRECISION = 1e-3
_EPSILON = 1e-9
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a gate on these test rows can and cannot find, at `confidence`.

    `detectable`: the smallest true difference (share of 1) that it finds with 80 % power; None where it finds
    none, however large. `needed`: for true gains of 5, 10 and 20 points, the groups that find them with 80 % power;
    None where the incumbent leaves no room for the gain. `differing`: the share of rows on which the prompts are taken
    to differ; `basis` says whether that is an `assumption` or was bounded by the incumbent's `validation` scores.
    `headroom`: about the most that a candidate can gain, as far as known. `too_few`: not even winning every row would be
    significant. `sentence` says it to a person.
    """

    rows: int
    groups: int
    confidence: float
    differing: float
    basis: Literal["assumption", "validation"]
    headroom: float | None
    detectable: float | None
    needed: Mapping[float, int | None]
    too_few: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `groupsNeeded` by gain in points."""
        return {
            "rows": self.rows,
            "groups": self.groups,
            "confidence": self.confidence,
            "power": POWER,
            "differing": self.differing,
            "basis": self.basis,
            "headroom": self.headroom,
            "detectable": self.detectable,
            "groupsNeeded": {f"{100 * gain:.0f}": count for gain, count in self.needed.items()},
            "tooFew": self.too_few,
            "explanation": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class _Odds:
    """How the scores of two prompts differ when one gains `gain`: rows that differ, and by how much of 0 or 1."""

    differing: float
    headroom: float
    grading: float
    tail: float

    def power(self, units: int, gain: float) -> float:
        """The chance that `units` independent groups show a true difference of `gain`."""
        share = min(max(self.differing, gain), max(2 * self.headroom - gain, gain), 1.0)
        if units > _EXACT_UNITS or self.grading < 1:
            if units < max(2, fewest_groups(self.tail)):
                return 0.0
            deviation = math.sqrt(max(share - gain * gain, _EPSILON) * self.grading / units)
            return _NORMAL.cdf(gain / deviation - t_quantile(1 - self.tail, units - 1))
        win = min(1.0, (share + gain) / (2 * share))
        return math.fsum(
            chance * _at_least(differ, _fewest_wins(differ, self.tail), win)
            for differ, chance in _binomial(units, share)
        )


def foresee(
    groups: Sequence[str],
    confidence: float = 0.95,
    *,
    scores: Sequence[float] = (),
    differing: float = DIFFERING,
) -> Foresight:
    """What a gate can find on test rows of which row i is in `groups[i]`.

    `scores`: the incumbent's on validation rows, if there are any; they bound the gain and the share of rows that
    can differ. Rows of one group are taken to stand or fall together. Raises `InvalidInputError` without rows.
    """
    if not groups or not MIN_CONFIDENCE <= confidence < 1 or not 0 < differing <= 1:
        msg = "foresight needs test rows, a confidence in 0.5..1 and a share of differing rows above 0"
        raise InvalidInputError(msg)
    tail = (1 - confidence) / 2
    sizes = list(Counter(groups).values())
    # Kish's effective number: groups of equal size count one each, a giant among them hardly more than one.
    units = int(len(groups) ** 2 / sum(size * size for size in sizes) + _EPSILON)
    odds = _odds(scores, differing, tail)
    too_few = len(sizes) < fewest_groups(tail)
    detectable = None if too_few else _detectable(odds, units)
    needed = {gain: _groups_needed(odds, gain, len(sizes) / units) for gain in GAINS}
    share = min(differing, 2 * odds.headroom) if scores else differing
    headroom = odds.headroom if scores else None
    return Foresight(
        rows=len(groups),
        groups=len(sizes),
        confidence=confidence,
        differing=share,
        basis="validation" if scores else "assumption",
        headroom=headroom,
        detectable=detectable,
        needed=needed,
        too_few=too_few,
        sentence=_sentence(len(groups), len(sizes), confidence, share, headroom, detectable, needed, tail),
    )


def fewest_groups(tail: float) -> int:
    """Groups below which not even a win in every one is significant: the mid-p of g wins is 1 / 2^(g + 1)."""
    return max(1, math.ceil(math.log2(1 / tail) - 1 - _EPSILON))


def groups_to_settle(clusters: Sequence[Group], delta: float, confidence: float) -> int | None:
    """Groups like these that would show a true difference of `delta` with 80 % power; None for no difference."""
    if abs(delta) <= _EPSILON:
        return None
    tail = (1 - confidence) / 2
    return max(_by_interval(clusters, delta, tail), fewest_groups(tail), len(clusters) + 1)


def groups_for_equivalence(clusters: Sequence[Group], slack: float, confidence: float) -> int | None:
    """Groups like these that would show a candidate `slack` above its margin to be within it; None without slack."""
    if slack <= _EPSILON:
        return None
    tail = (1 - confidence) / 2
    # Even if no row ever differs, a loss of `slack` must have had the chance to show (the bound is 1 % too careful).
    without_losses = math.ceil(1.01 * math.log(tail) / math.log1p(-min(slack, 0.999)))
    return max(_by_interval(clusters, slack, tail), without_losses, len(clusters) + 1)


def _by_interval(clusters: Sequence[Group], difference: float, tail: float) -> int:
    distance = _NORMAL.inv_cdf(1 - tail) + _NORMAL.inv_cdf(POWER)
    return math.ceil(len(clusters) * (distance * standard_error(clusters) / difference) ** 2 - _EPSILON)


def _odds(scores: Sequence[float], differing: float, tail: float) -> _Odds:
    if not scores:
        return _Odds(differing, 1.0, 1.0, tail)
    # With one loss more than was seen: a prompt without a mistake on 20 rows still leaves something to gain.
    mean = min(max(math.fsum(scores) / (len(scores) + 1), 0.0), 1.0)
    most = fmean(scores) * (1 - fmean(scores))
    variance = pvariance(scores)
    # Graded scores vary less than right-or-wrong ones of the same mean, and so do their differences.
    grading = min(1.0, variance / most) if most > _EPSILON and variance > _EPSILON else 1.0
    return _Odds(differing, 1 - mean, 1.0 if grading > 1 - _PRECISION else grading, tail)


def _detectable(odds: _Odds, units: int) -> float | None:
    low, high = 0.0, min(1.0, odds.headroom)
    if high <= _EPSILON or odds.power(units, high) < POWER:
        return None
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if odds.power(units, middle) >= POWER else (middle, high)
    return high


def _groups_needed(odds: _Odds, gain: float, groups_per_unit: float) -> int | None:
    if gain > odds.headroom + _EPSILON:
        return None
    low, high = 0, 1
    while odds.power(high, gain) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if odds.power(middle, gain) >= POWER else (middle, high)
    return math.ceil(high * groups_per_unit - _EPSILON)


def _sentence(
    rows: int,
    groups: int,
    confidence: float,
    differing: float,
    headroom: float | None,
    detectable: float | None,
    needed: Mapping[float, int | None],
    tail: float,
) -> str:
    held = f"{rows} test rows in {groups} groups" if groups != rows else f"{rows} test rows"
    if groups < fewest_groups(tail):
        return (
            f"{held} are too few: not even winning all of them would be significant at {100 * confidence:.3g} %; "
            f"at least {fewest_groups(tail)} independent groups are needed"
        )
    room = (
        f"; today's prompt leaves about {100 * headroom:.0f} points to gain" if headroom is not None else ""
    )
    what = "test rows" if groups == rows else "groups"
    more = ", ".join(
        f"+{100 * gain:.0f} points: {count}" for gain, count in needed.items() if count is not None
    )
    wanted = f". {what.capitalize()} needed for {more}" if more else ""
    if detectable is None:
        return f"{held} find no gain reliably, however large{room}{wanted}"
    return (
        f"{held} find a true gain of {100 * detectable:.0f} points or more in four of five cases, if the prompts "
        f"differ on {100 * differing:.0f} % of the rows{room}{wanted}"
    )


@lru_cache(maxsize=1024)
def _fewest_wins(differ: int, tail: float) -> int:
    """The fewest wins of `differ` rows whose mid-p-value is at most `tail`; `differ + 1` if there is none."""
    above = 0.0
    for wins in range(differ, -1, -1):
        chance = math.comb(differ, wins) / 2**differ
        if above + chance / 2 > tail:
            return wins + 1
        above += chance
    return 0


def _at_least(trials: int, wins: int, chance: float) -> float:
    return math.fsum(its for count, its in _binomial(trials, chance) if count >= wins)


def _binomial(trials: int, chance: float) -> list[tuple[int, float]]:
    """The binomial distribution without its negligible part."""
    spread = 6 * math.sqrt(trials * chance * (1 - chance)) + 6
    low = max(0, math.floor(trials * chance - spread))
    high = min(trials, math.ceil(trials * chance + spread))
    return [
        (count, math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count))
        for count in range(low, high + 1)
    ]
