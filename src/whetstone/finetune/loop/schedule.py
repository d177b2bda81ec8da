"""The learning rate of every step, and when to look at the validation rows."""

from __future__ import annotations

import math

from whetstone.finetune.spec import FineTuneSpec

_MOST_WARMUP_STEPS = 100
_VALIDATIONS = 10
_LEAST_STEPS_BETWEEN_VALIDATIONS = 5


def learning_rate(spec: FineTuneSpec, step: int, total: int) -> float:
    """The rate of step `step` (from 0) of `total`: a linear warm-up, then as `spec.scheduler` says.

    `linear` and `cosine` fall to 0 at the end. The first step's rate is above 0, so that every step learns.
    """
    warmup = warmup_steps(spec, total)
    if step < warmup:
        return spec.learning_rate * (step + 1) / (warmup + 1)
    share = (step - warmup) / max(1, total - warmup)
    if spec.scheduler == "constant":
        return spec.learning_rate
    if spec.scheduler == "linear":
        return spec.learning_rate * (1 - share)
    return spec.learning_rate * (1 + math.cos(math.pi * share)) / 2


def warmup_steps(spec: FineTuneSpec, total: int) -> int:
    """Steps before the peak: what was asked for, else a tenth of all, at most 100."""
    wanted = min(total // 10, _MOST_WARMUP_STEPS) if spec.warmup_steps is None else spec.warmup_steps
    return min(wanted, total - 1)


def validation_interval(spec: FineTuneSpec, total: int) -> int:
    """Steps between two validations."""
    if spec.eval_every is not None:
        return spec.eval_every
    return max(_LEAST_STEPS_BETWEEN_VALIDATIONS, math.ceil(total / _VALIDATIONS))
