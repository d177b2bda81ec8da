"""Rows laid end to end, with what they have in common once. NumPy only.

Under causal attention the states of a common beginning (a system prompt, the request before two answers) are the same
in each row, and so is the gradient that flows into them when it is added up. A tree of segments therefore gives
exactly the loss and gradient of the padded rows, without padding and without computing a beginning twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.finetune.data.types import IGNORED, Batch

SHORTEST_SHARED = 8
"""Beginnings shorter than this are not worth a segment of their own."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`length` tokens that attend to themselves (causally) and to all of `ancestors` (indexes of segments)."""

    length: int
    ancestors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """`ids` and `positions` (tokens,) of all `segments` in order.

    The state at `sources[m]` predicts the learnt token `targets[m]` of sequence `owners[m]`; all three (learnt,).
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    segments: tuple[Segment, ...]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    owners: NDArray[np.int64]
    sequences: int


def pack(batch: Batch, *, share: bool = True) -> Packed:
    """The batch as a tree of segments; with `share` false each sequence is one segment."""
    rows = [
        (batch.ids[i, : int(length)], batch.labels[i, : int(length)])
        for i, length in enumerate(batch.lengths)
    ]
    builder = _Builder([ids for ids, _ in rows])
    if share:
        builder.grow(list(range(len(rows))), 0, ())
    else:
        for row in range(len(rows)):
            builder.add([row], 0, len(rows[row][0]), ())
    places = builder.places
    chosen = [np.flatnonzero(labels[1:] != IGNORED) for _, labels in rows]
    return Packed(
        np.concatenate(builder.ids).astype(np.int64),
        np.concatenate(builder.positions),
        tuple(builder.segments),
        _joined([places[row][where] for row, where in enumerate(chosen)]),
        _joined([rows[row][1][where + 1] for row, where in enumerate(chosen)]),
        _joined([np.full(len(where), row) for row, where in enumerate(chosen)]),
        len(rows),
    )


def _joined(parts: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64)


class _Builder:
    def __init__(self, rows: Sequence[NDArray[np.int32]]) -> None:
        self.rows = rows
        self.segments: list[Segment] = []
        self.ids: list[NDArray[np.int32]] = []
        self.positions: list[NDArray[np.int64]] = []
        # Of each token of each row, its place in the packed line
        self.places: list[NDArray[np.int64]] = [np.zeros(len(row), np.int64) for row in rows]
        self._tokens = 0

    def grow(self, members: list[int], start: int, ancestors: tuple[int, ...]) -> None:
        """Segments of these rows from token `start` on, up to which they are equal."""
        common = self._common(members, start)
        if len(members) == 1:
            if common:
                self.add(members, start, common, ancestors)
            return
        if common >= SHORTEST_SHARED:
            ancestors = (*ancestors, self.add(members, start, common, ancestors))
            start, common = start + common, 0
        for group in self._by_next(members, start + common):
            if len(group) < len(members):
                self.grow(group, start, ancestors)
            else:  # the same to the end
                for row in group:
                    self.grow([row], start, ancestors)

    def add(self, members: Sequence[int], start: int, length: int, ancestors: tuple[int, ...]) -> int:
        """A segment for `length` tokens from `start` on, which all these rows have; its index."""
        self.ids.append(self.rows[members[0]][start : start + length])
        self.positions.append(np.arange(start, start + length))
        for row in members:
            self.places[row][start : start + length] = np.arange(self._tokens, self._tokens + length)
        self.segments.append(Segment(length, ancestors))
        self._tokens += length
        return len(self.segments) - 1

    def _common(self, members: Sequence[int], start: int) -> int:
        """How many tokens from `start` on all these rows share."""
        first = self.rows[members[0]][start:]
        common = len(first)
        for row in members[1:]:
            other = self.rows[row][start : start + common]
            differs = np.flatnonzero(first[: len(other)] != other)
            common = int(differs[0]) if len(differs) else len(other)
        return common

    def _by_next(self, members: Sequence[int], start: int) -> Iterator[list[int]]:
        groups: dict[int, list[int]] = {}
        for row in members:
            after = self.rows[row][start : start + 1]
            groups.setdefault(int(after[0]) if len(after) else -1, []).append(row)
        yield from groups.values()
