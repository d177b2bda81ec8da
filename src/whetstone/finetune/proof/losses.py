"""Teacher-forced losses of held-out rows, before and after the training, and their paired difference."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from whetstone.finetune.data.batches import evaluation_batches
from whetstone.finetune.data.types import IGNORED, Example
from whetstone.finetune.engine import Engine
from whetstone.finetune.proof.choosing import key_of, spread
from whetstone.optimize.gate.resampling import bootstrap_interval, sign_flip_tails

MAX_ROWS = 500
"""Of a larger test split only so many rows are measured: more would sharpen nothing that a person acts on."""

_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean loss (nats a learnt token) of each measured row, by the row's key."""

    by_row: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LossGain:
    """Mean losses of the same `rows` by base and tuned model; `interval` of `delta`, the mean difference (below 0: better).

    None of fewer than two groups, which say nothing about others.
    """

    rows: int
    base: float
    tuned: float
    delta: float
    interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """The proof's `loss`."""
        return {
            "rows": self.rows,
            "base": self.base,
            "tuned": self.tuned,
            "delta": self.delta,
            "interval": None if self.interval is None else list(self.interval),
        }


def held_out_losses(
    engine: Engine,
    examples: Sequence[Example],
    pad_id: int,
    batch_size: int,
    *,
    seed: int = 0,
) -> Losses:
    """The losses of at most `MAX_ROWS` of the test split's rows as the engine now is.

    Of preferences the right answer counts: the chosen one (dpo), that of the desirable rows (kto). Rows whose answer
    is not verified, or whose loss is not finite, are left out.
    """
    fit = [example for example in examples if example.desirable is not False and not example.unverified]
    wanted = [
        replace(example, sequences=example.sequences[:1], desirable=None)
        for example in spread(fit, lambda example: example, MAX_ROWS, seed)
    ]
    found: dict[str, float] = {}
    for batch in evaluation_batches(wanted, batch_size, pad_id):
        learnt = (batch.labels[:, 1:] != IGNORED).sum(axis=1)
        for position, total, count in zip(
            batch.examples, engine.log_probabilities(batch).tolist(), learnt.tolist(), strict=True
        ):
            if count and math.isfinite(total):
                found[key_of(wanted[position])] = -total / count
    return Losses(found)


def compare_losses(
    base: Losses, tuned: Losses, examples: Iterable[Example], *, seed: int, confidence: float
) -> LossGain | None:
    """The difference over the rows that both have; None without any."""
    groups = {key_of(example): example.group for example in examples}
    keys = [key for key in base.by_row if key in tuned.by_row and key in groups]
    if not keys:
        return None
    differences = {key: tuned.by_row[key] - base.by_row[key] for key in keys}
    return LossGain(
        rows=len(keys),
        base=fmean(base.by_row[key] for key in keys),
        tuned=fmean(tuned.by_row[key] for key in keys),
        delta=fmean(differences.values()),
        interval=_interval([(differences[key], groups[key]) for key in keys], seed, confidence),
    )


def _interval(
    differences: Sequence[tuple[float, str]], seed: int, confidence: float
) -> tuple[float, float] | None:
    """As the gate's: a cluster bootstrap, widened to 0 where the sign-flip test cannot exclude 0.

    Without the gate's bounds for what was not seen, since a loss has no largest value.
    """
    clusters: dict[str, list[float]] = {}
    for difference, group in differences:
        clusters.setdefault(group, []).append(difference)
    if len(clusters) < 2:
        return None
    totals = [(math.fsum(values), len(values)) for values in clusters.values()]
    draw = random.Random(seed)
    low, high = bootstrap_interval(totals, draw, _RESAMPLES, confidence)
    above, below = sign_flip_tails([total for total, _ in totals], draw, _RESAMPLES)
    tail = (1 - confidence) / 2
    return (low if above <= tail else min(low, 0.0), high if below <= tail else max(high, 0.0))
