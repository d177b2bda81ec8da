"""An order of rows of which every beginning stands for the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from whetstone.optimize.engine.randomness import stable_order
from whetstone.optimize.rows.examples import Example


def stratified(examples: Sequence[Example], seed: int, purpose: str) -> list[Example]:
    """`examples` in an order of which every prefix has about the same share of each label as the whole."""
    by_label: dict[str | None, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda item: stable_order(seed, purpose, item.id)):
        by_label[example.label].append(example)
    placed = [
        ((index + 0.5) / len(members), stable_order(seed, purpose, example.id), example)
        for members in by_label.values()
        for index, example in enumerate(members)
    ]
    return [example for _, _, example in sorted(placed, key=lambda item: item[:2])]
