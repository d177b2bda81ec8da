"""Log-probabilities of the learnt tokens alone, and what sft, dpo and kto make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import logsigmoid

CHUNK_BYTES = 64 * 1024 * 1024
"""Logits that are held at once."""


@dataclass(frozen=True, slots=True)
class Head:
    """How logits follow from the last hidden state: `cap * tanh(scale * module(h) / cap)`, without `cap` linear.

    `fused` when the module is a plain frozen linear layer, whose gradient is then computed with the loss.
    """

    module: Any
    scale: float = 1.0
    cap: float | None = None

    @property
    def fused(self) -> bool:
        return type(self.module) is torch.nn.Linear and not self.module.weight.requires_grad

    def logits(self, hidden: Any) -> Any:
        """(tokens, hidden) -> (tokens, vocabulary) in fp32"""
        logits = self.module(hidden).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def log_probabilities(hidden: Any, head: Head, targets: Any) -> Any:
    """(tokens,) log-probability (nats, fp32) of each target under `hidden` (tokens, hidden).

    At most `CHUNK_BYTES` of logits exist at a time, with their gradient too.
    """
    if head.fused:
        return _FusedLogProbabilities.apply(hidden, targets, head)
    rows = _chunk(head)
    parts = []
    for part, wanted in zip(hidden.split(rows), targets.split(rows), strict=True):
        if torch.is_grad_enabled() and len(hidden) > rows:
            parts.append(torch.utils.checkpoint.checkpoint(_plain, part, head, wanted, use_reentrant=False))
        else:
            parts.append(_plain(part, head, wanted))
    return torch.cat(parts)


def _plain(hidden: Any, head: Head, targets: Any) -> Any:
    logits = head.logits(hidden)
    return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(1)


def _chunk(head: Head) -> int:
    return max(16, CHUNK_BYTES // (4 * int(head.module.out_features)))


class _FusedLogProbabilities(torch.autograd.Function):
    """Log-probabilities whose gradient with respect to the hidden state is computed while the logits are there.

    The gradient of row i is its upstream factor times a row that does not depend on that factor, so the forward pass
    can finish it: d log p(y) / dz = onehot(y) - softmax(z), times the frozen head. The logits are never kept (the
    idea of Liger's fused linear cross-entropy, Hsu et al. 2024, here for any loss on the rows' log-probabilities).
    """

    @staticmethod
    def forward(context: Any, hidden: Any, targets: Any, head: Head) -> Any:
        wants_gradient = context.needs_input_grad[0]
        result = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        slopes = torch.empty_like(hidden) if wants_gradient else None
        rows = _chunk(head)
        for start in range(0, len(targets), rows):
            part = slice(start, start + rows)
            logits = head.logits(hidden[part])
            wanted = targets[part, None]
            total = logits.logsumexp(1, keepdim=True)
            result[part] = (logits.gather(1, wanted) - total)[:, 0]
            if slopes is not None:
                slope = _slope(logits, total, wanted, head)
                torch.mm(slope.to(hidden.dtype), head.module.weight, out=slopes[part])
        if slopes is not None:
            context.save_for_backward(slopes)
        return result

    @staticmethod
    def backward(context: Any, upstream: Any) -> Any:
        (slopes,) = context.saved_tensors
        return slopes * upstream[:, None].to(slopes.dtype), None, None


def _slope(logits: Any, total: Any, targets: Any, head: Head) -> Any:
    """d log p / d(output of the head's module), in the place of `logits` where possible."""
    bend = None if head.cap is None else 1 - (logits / head.cap) ** 2
    slope = logits.sub_(total).exp_().neg_()
    slope.scatter_add_(1, targets, torch.ones_like(targets, dtype=slope.dtype))
    if bend is not None:
        slope.mul_(bend)
    return slope if head.scale == 1.0 else slope.mul_(head.scale)


def per_sequence(values: Any, owners: Any, sequences: int) -> Any:
    """(sequences,): the sum of each sequence's `values` (tokens,)."""
    return torch.zeros(sequences, dtype=values.dtype, device=values.device).index_add(0, owners, values)


def dpo(sums: Any, reference: Any, beta: float) -> Any:
    """(examples,) losses: -log sigmoid(beta * (chosen's log-ratio - rejected's)). Rafailov et al. 2023, eq. 7.

    `sums` and `reference` (2 * examples,): first all chosen, then all rejected.
    """
    chosen, rejected = (sums - reference).chunk(2)
    return -logsigmoid(beta * (chosen - rejected))


def kto(sums: Any, reference: Any, desirable: Any, beta: float, divergence: float) -> Any:
    """(examples,) losses: 1 - sigmoid(±beta * (log-ratio - divergence)), + for desirable answers. Ethayarajh et al.
    2024, eq. 8, with both weights 1. `divergence` is the estimate of KL(policy, base), which has no gradient.
    """
    gain = beta * (sums - reference - divergence)
    return 1 - torch.sigmoid(torch.where(desirable, gain, -gain))
