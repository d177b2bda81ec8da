"""The adapter's trained numbers as one line of memory, and AdamW over it."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch


class FlatWeights:
    """All trainable parameters of `model` as views into one tensor, and their gradients into another.

    One optimizer kernel, one norm and one all-reduce a step, whatever the number of layers.
    """

    def __init__(self, model: Any, weight_decay: float) -> None:
        self.named = {name: each for name, each in model.named_parameters() if each.requires_grad}
        count = sum(each.numel() for each in self.named.values())
        first = next(iter(self.named.values()))
        self.values = torch.nn.Parameter(torch.empty(count, dtype=torch.float32, device=first.device))
        # One place more: the loss travels with the gradient when processes add theirs up.
        self.exchange = torch.zeros(count + 1, dtype=torch.float32, device=first.device)
        self.gradient = self.exchange[:count]
        self.values.grad = self.gradient
        start = 0
        for each in self.named.values():
            part = slice(start, start + each.numel())
            self.values.data[part] = each.data.reshape(-1)
            each.data = self.values.data[part].view_as(each)
            each.grad = self.gradient[part].view_as(each)
            start = part.stop
        self.optimizer = torch.optim.AdamW(
            [self.values], lr=0.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay, fused=True
        )

    def clear(self) -> None:
        """Gradient and exchanged loss to zero."""
        self.exchange.zero_()

    def update(self, learning_rate: float, max_norm: float) -> float:
        """Clip the gradient and apply it; its norm before clipping. Where that is not finite nothing is applied."""
        norm = float(torch.linalg.vector_norm(self.gradient))
        if not math.isfinite(norm):
            return norm
        if norm > max_norm:
            self.gradient.mul_(max_norm / (norm + 1e-6))
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()
        return norm

    def layout(self) -> list[list[Any]]:
        """Name and shape of each part, in order."""
        return [[name, list(each.shape)] for name, each in self.named.items()]

    def digest(self) -> str:
        """SHA-256 of all values: equal in processes that hold the same adapter."""
        return hashlib.sha256(self.values.detach().cpu().numpy().tobytes()).hexdigest()
