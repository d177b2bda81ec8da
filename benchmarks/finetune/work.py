"""The arithmetic that one token of LoRA training takes, and the rate at which this machine multiplies such matrices.

Frozen weights cost two operations a weight forward and two backward (they need no gradient of their own), adapters six;
the head counts where a token is learnt only. Attention as is usual (Chowdhery et al. 2022, appendix B), without a
discount for causality. What a trainer computes beyond that (padding, unused logits, recomputation) is not work but waste.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.finetune.encoding import IGNORED
from benchmarks.finetune.recipe import RANK

from whetstone.finetune.on_torch.memory import Shape


@dataclass(frozen=True, slots=True)
class Shapes:
    """The matrices of a llama-like model: (in, out) of a layer's linear maps, and of the head."""

    layers: int
    linear: tuple[tuple[int, int], ...]
    head: tuple[int, int]
    attention: int

    @classmethod
    def of(cls, model: Path) -> Shapes:
        """By its config.json."""
        shape = Shape(json.loads((model / "config.json").read_text(encoding="utf-8")))
        width, wide, query, key = shape.hidden, shape.inner, shape.queries, shape.keys
        linear = ((width, query), (width, key), (width, key), (query, width))
        return cls(
            shape.layers,
            (*linear, (width, wide), (width, wide), (wide, width)),
            (width, shape.vocabulary),
            query,
        )


@dataclass(frozen=True, slots=True)
class Material:
    """What the training rows are like: tokens, the share of them that is learnt, and the row length that a token meets."""

    rows: int
    tokens: int
    learnt: float
    length: float

    @classmethod
    def of(cls, rows: Sequence[dict[str, list[int]]]) -> Material:
        """Of encoded rows."""
        lengths = [len(row["input_ids"]) for row in rows]
        learnt = sum(label != IGNORED for row in rows for label in row["labels"])
        tokens = sum(lengths)
        return cls(len(rows), tokens, learnt / tokens, sum(length**2 for length in lengths) / tokens)


def operations(shapes: Shapes, material: Material) -> float:
    """Floating-point operations a token."""
    weights = shapes.layers * sum(rows * columns for rows, columns in shapes.linear)
    adapters = shapes.layers * sum(RANK * (rows + columns) for rows, columns in shapes.linear)
    head = material.learnt * shapes.head[0] * shapes.head[1]
    attention = 12 * shapes.layers * shapes.attention * material.length
    return 4 * (weights + head) + 6 * adapters + attention
