"""What the data path gives to the loop: examples of token ids, and batches of them. Arrays are NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]

IGNORED = -100
"""Label of a position that is not learnt."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered conversation: `ids` and, of the same length, `learnt` (true for each token that the loss counts)."""

    ids: Ids
    learnt: Mask

    @property
    def tokens(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Example:
    """A row ready to be learnt.

    `sequences` is one conversation for sft; chosen and rejected for dpo; for kto the row's own and a mismatched one
    (this prompt with another row's answer), which estimates the KL divergence. `desirable` is kto's label. `row` is
    the dataset's row (`eliza_native_v1`), `prompt` its rendered request up to where the answer begins.
    """

    id: str
    task: str
    group: str
    sequences: tuple[Rendered, ...]
    desirable: bool | None
    prompt: Ids
    row: dict[str, Any]

    @property
    def unverified(self) -> bool:
        """Whether nobody knows the row's answer to be right: it may be learnt, and must not judge what was learnt."""
        return (self.row.get("metadata") or {}).get("verified") is False

    @property
    def tokens(self) -> int:
        """Tokens of all sequences."""
        return sum(each.tokens for each in self.sequences)

    @property
    def longest(self) -> int:
        return max(each.tokens for each in self.sequences)


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences padded on the right to one length.

    `ids` and `labels` are (sequences, length); `labels[i, t]` is `ids[i, t]` where that token is learnt, else
    `IGNORED` (unshifted: the model's prediction at t-1 is held against it). `lengths` (sequences,) without padding.
    With `n` examples of `k` sequences each, sequence `j * n + i` is the `j`-th of example `i`: first all chosen, then
    all rejected. `reference` (sequences,) holds the summed log-probabilities under the base model, and `desirable`
    (n,) the labels; None for sft.
    """

    ids: Ids
    labels: Ids
    lengths: Ids
    examples: tuple[int, ...] = field(default=())
    """Indexes of the examples in their split."""
    reference: NDArray[np.float32] | None = None
    desirable: Mask | None = None

    @property
    def learnt_tokens(self) -> int:
        """Tokens that the loss counts."""
        return int((self.labels != IGNORED).sum())

    @property
    def tokens(self) -> int:
        """Tokens without padding."""
        return int(self.lengths.sum())

    def rows(self, chosen: Sequence[int]) -> Batch:
        """The part with these examples (positions in this batch), cut to its own length."""
        count = len(self.examples)
        sequences = [part * count + i for part in range(len(self.lengths) // count) for i in chosen]
        longest = int(self.lengths[sequences].max())
        return Batch(
            self.ids[sequences, :longest],
            self.labels[sequences, :longest],
            self.lengths[sequences],
            tuple(self.examples[i] for i in chosen),
            None if self.reference is None else self.reference[sequences],
            None if self.desirable is None else self.desirable[list(chosen)],
        )
