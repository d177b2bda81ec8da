"""The losses of supervised and preference tuning over batches of token ids (see `data.types.Batch`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.finetune.on_mlx.model import Selector
from whetstone.finetune.on_mlx.runtime import mx, nn


def log_probabilities(selector: Selector, batch: Batch, part: slice = slice(None)) -> Any:
    """(sequences,): the summed log-probability (nats, float32) of the learnt tokens of each sequence in `part`.

    Strict: exactly the labelled tokens count, so neither the prompt nor any padding does.
    """
    longest = int(batch.lengths[part].max())
    ids, labels = batch.ids[part, :longest], batch.labels[part, 1:longest]
    rows, columns = np.nonzero(labels != IGNORED)
    if not len(rows):
        return mx.zeros(len(ids))
    positions = mx.array((rows * (longest - 1) + columns).astype(np.int32))
    logits = selector.logits(mx.array(ids[:, :-1]), positions)
    targets = mx.array(labels[rows, columns])
    chosen = mx.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    return mx.zeros(len(ids)).at[mx.array(rows.astype(np.int32))].add(chosen - mx.logsumexp(logits, axis=-1))


def weight(method: str, batches: Sequence[Batch]) -> int:
    """By what a step's summed loss is divided: learnt tokens of sft, examples of dpo and kto."""
    if method == "sft":
        return max(1, sum(batch.learnt_tokens for batch in batches))
    return max(1, sum(len(batch.lengths) // 2 for batch in batches))


def sft_loss(selector: Selector, batch: Batch) -> Any:
    """Cross-entropy summed over the learnt tokens."""
    return -log_probabilities(selector, batch).sum()


def dpo_loss(selector: Selector, batch: Batch, beta: float) -> Any:
    """Direct preference optimization, sigmoid form (Rafailov et al. 2023, equation 7), summed over the examples."""
    count = len(batch.lengths) // 2
    reward = beta * (log_probabilities(selector, batch) - _reference(batch))
    return -nn.log_sigmoid(reward[:count] - reward[count:]).sum()


def kto_divergence(selector: Selector, batches: Sequence[Batch]) -> float:
    """KTO's reference point z0: the mean log-ratio of the step's mismatched sequences, at least 0; no gradient."""
    total = 0.0
    for batch in batches:
        mismatched = slice(len(batch.lengths) // 2, None)
        total += (log_probabilities(selector, batch, mismatched) - _reference(batch)[mismatched]).sum().item()
    return max(0.0, total / weight("kto", batches))


def kto_loss(selector: Selector, batch: Batch, beta: float, divergence: float) -> Any:
    """Kahneman-Tversky optimization (Ethayarajh et al. 2024, equation 8; both weights 1), summed over the examples."""
    if batch.desirable is None:
        raise ValueError("a batch for kto needs the labels")
    own = slice(None, len(batch.lengths) // 2)
    ratio = log_probabilities(selector, batch, own) - _reference(batch)[own]
    sign = mx.array(np.where(batch.desirable, 1.0, -1.0).astype(np.float32))
    return (1 - mx.sigmoid(beta * sign * (ratio - divergence))).sum()


def _reference(batch: Batch) -> Any:
    if batch.reference is None:
        raise ValueError("a batch of preferences needs the base model's log-probabilities")
    return mx.array(batch.reference)
