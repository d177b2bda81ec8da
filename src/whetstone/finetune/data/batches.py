"""Batches: rows of like length together, in an order that follows from the seed and the number of the epoch alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from whetstone.finetune.data.types import IGNORED, Batch, Example
from whetstone.finetune.spec import DEFAULT_EPOCHS, FineTuneSpec

_WINDOW = (
    50  # batches among which rows are sorted by length: nearly no padding, and yet another mix each epoch
)


def order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[tuple[int, ...]]:
    """One epoch: batches of row indexes, each row exactly once, the last rows in a batch that may be smaller.

    Rows are shuffled, sorted by length within windows of `_WINDOW` batches, cut into batches, and these shuffled.
    """
    # By text, because that seeds from a hash; by Python's generator, because its stream stays what it is.
    draw = random.Random(f"order:{seed}:{epoch}")
    rows = list(range(len(lengths)))
    draw.shuffle(rows)
    window = batch_size * _WINDOW
    batches = []
    for start in range(0, len(rows), window):
        near = sorted(rows[start : start + window], key=lambda row: lengths[row])
        batches += [tuple(near[at : at + batch_size]) for at in range(0, len(near), batch_size)]
    draw.shuffle(batches)
    return batches


class Plan:
    """Which rows each optimizer step of a job takes. Any step is found at the cost of ordering its epoch.

    A step takes `gradient_accumulation` micro-batches of `batch_size` rows, fewer at the end of an epoch. Where there
    are fewer rows than that, a step takes them all. Which rows a step takes depends on the product of the two alone, so
    that memory can be saved without another result.
    """

    def __init__(self, examples: Sequence[Example], spec: FineTuneSpec) -> None:
        if not examples:
            raise ValueError("a plan needs at least one example")
        self._lengths = [example.longest for example in examples]
        self._tokens = [example.tokens for example in examples]
        self._sequences = len(examples[0].sequences)
        self._seed = spec.seed
        self.batch_size = min(spec.batch_size, len(examples))
        self.rows_per_step = min(spec.batch_size * spec.gradient_accumulation, len(examples))
        self.steps_per_epoch = math.ceil(len(examples) / self.rows_per_step)
        epochs = spec.epochs if spec.epochs is not None else DEFAULT_EPOCHS
        self.total_steps = spec.iterations or max(1, math.ceil(epochs * self.steps_per_epoch))
        self._order = lru_cache(maxsize=2)(self._ordered)

    def step(self, index: int) -> list[tuple[int, ...]]:
        """The micro-batches of step `index` (from 0), as indexes of examples."""
        if not 0 <= index < self.total_steps:
            raise IndexError(f"step {index} of {self.total_steps}")
        epoch, place = divmod(index, self.steps_per_epoch)
        return self._cut(self._order(epoch)[place])

    def _cut(self, rows: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]

    def epoch(self, index: int) -> float:
        """Passes over the rows that are done when step `index` begins."""
        return index / self.steps_per_epoch

    @property
    def efficiency(self) -> float:
        """The share (0..1) of an epoch's positions that hold a token and no padding."""
        padded = sum(
            len(batch) * self._sequences * max(self._lengths[i] for i in batch)
            for rows in self._order(0)
            for batch in self._cut(rows)
        )
        return sum(self._tokens) / padded

    def _ordered(self, epoch: int) -> list[tuple[int, ...]]:
        return order(self._lengths, self.rows_per_step, self._seed, epoch)


def collate(
    examples: Sequence[Example],
    indexes: Sequence[int],
    pad_id: int,
    reference: NDArray[np.float32] | None = None,
) -> Batch:
    """The examples with these indexes as one batch.

    `reference` is (examples, sequences of each): the summed log-probabilities of all examples under the base.
    """
    chosen = [examples[i] for i in indexes]
    sequences = [
        chosen[i].sequences[part] for part in range(len(chosen[0].sequences)) for i in range(len(chosen))
    ]
    lengths = np.array([each.tokens for each in sequences], np.int32)
    ids = np.full((len(sequences), int(lengths.max())), pad_id, np.int32)
    labels = np.full_like(ids, IGNORED)
    for row, each in enumerate(sequences):
        ids[row, : each.tokens] = each.ids
        labels[row, : each.tokens][each.learnt] = each.ids[each.learnt]
    labelled = [example.desirable for example in chosen if example.desirable is not None]
    return Batch(
        ids,
        labels,
        lengths,
        tuple(int(i) for i in indexes),
        None if reference is None else reference[list(indexes)].T.reshape(-1),
        np.array(labelled, np.bool_) if labelled else None,
    )


def evaluation_batches(
    examples: Sequence[Example],
    batch_size: int,
    pad_id: int,
) -> Iterator[Batch]:
    """All examples once, the longest first: what does not fit into memory fails at the start."""
    rows = sorted(range(len(examples)), key=lambda row: (-examples[row].longest, row))
    for start in range(0, len(rows), batch_size):
        yield collate(examples, rows[start : start + batch_size], pad_id)
