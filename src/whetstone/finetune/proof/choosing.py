"""Which held-out rows are looked at where not all can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from whetstone.finetune.data.types import Example
from whetstone.optimize.engine.randomness import stable_order

T = TypeVar("T")


def spread(items: Sequence[T], example_of: Callable[[T], Example], count: int, seed: int) -> list[T]:
    """At most `count` of the items over as many groups as there are, since rows of one group say much the same.

    By the seed and the rows' names alone: first one row of every group, then a second one, and so on.
    """
    shuffled = sorted(items, key=lambda item: stable_order(seed, "test rows", key_of(example_of(item))))
    met: Counter[str] = Counter()
    ranked: list[tuple[int, T]] = []
    for item in shuffled:
        group = example_of(item).group
        ranked.append((met[group], item))
        met[group] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [item for _, item in ranked[:count]]


def key_of(example: Example) -> str:
    """What names a row among those of all tasks: one call may be a row of several."""
    return f"{example.task}/{example.id}"
