"""Sets of demonstrations to try: several ways to choose a few training examples that teach a task.

Families (see MIPRO, arXiv 2406.11695, for how much the choice matters): the best rewarded, one of each label in
turn, the most different from each other, and chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from whetstone.datasets.near_duplicates import jaccard
from whetstone.optimize.engine.randomness import derived, stable_order
from whetstone.optimize.rows.examples import Example

# Pairwise distances are computed among this many of the best examples at most.
_DIVERSE_POOL = 500


@dataclass(frozen=True, slots=True)
class DemonstrationSet:
    """Examples to show, in the order in which they are shown."""

    family: str
    examples: tuple[Example, ...]


def demonstration_sets(
    pool: Sequence[Example],
    *,
    size: int,
    random_sets: int,
    seed: int,
    fits: Callable[[Sequence[Example]], bool],
) -> list[DemonstrationSet]:
    """Different sets of `size` and of about half as many examples from `pool`, the most promising first.

    `fits` says whether a set still fits the model's context; an example that would overflow it is passed over.
    """
    ranked = sorted(pool, key=lambda example: (*example.quality, stable_order(seed, "pool", example.id)))
    sizes = sorted({size, -(-size // 2)}, reverse=True)
    makers: list[tuple[str, Callable[[int], Iterator[Example]]]] = [
        ("label-balanced", lambda _: _label_balanced(ranked)),
        ("diverse", lambda _: _diverse(ranked)),
        ("top-reward", lambda _: iter(ranked)),
        *((f"random-{n}", partial(_shuffled, ranked, seed, n)) for n in range(1, random_sets + 1)),
    ]
    sets: dict[tuple[str, ...], DemonstrationSet] = {}
    for family, maker in makers:
        for count in sizes:
            chosen = _take(maker(count), count, fits)
            if chosen:
                sets.setdefault(tuple(e.id for e in chosen), DemonstrationSet(family, tuple(chosen)))
    return list(sets.values())


def _take(
    candidates: Iterator[Example], count: int, fits: Callable[[Sequence[Example]], bool]
) -> list[Example]:
    chosen: list[Example] = []
    for example in candidates:
        if fits([*chosen, example]):
            chosen.append(example)
        if len(chosen) == count:
            break
    return chosen


def _label_balanced(ranked: Sequence[Example]) -> Iterator[Example]:
    """One of each label in turn, the commonest label first; nothing where the examples have no two labels."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in ranked:
        if example.label is not None:
            by_label[example.label].append(example)
    if len(by_label) < 2:
        return
    columns = sorted(by_label.values(), key=lambda members: (-len(members), members[0].label or ""))
    for depth in range(max(map(len, columns))):
        for members in columns:
            if depth < len(members):
                yield members[depth]


def _diverse(ranked: Sequence[Example]) -> Iterator[Example]:
    """Max-min selection: each next example is the one least like any already chosen (trigram sets, Jaccard)."""
    pool = list(ranked[:_DIVERSE_POOL])
    grams = [trigrams(example.text) for example in pool]
    nearest = [0.0] * len(pool)
    left = set(range(len(pool)))
    current = 0
    while left:
        left.discard(current)
        yield pool[current]
        for index in left:
            nearest[index] = max(nearest[index], jaccard(grams[index], grams[current]))
        if left:
            current = min(left, key=lambda index: (nearest[index], index))


def _shuffled(ranked: Sequence[Example], seed: int, number: int, count: int) -> Iterator[Example]:
    order = list(ranked)
    derived(seed, "demonstration-sets", f"random-{number}-{count}").shuffle(order)
    return iter(order)


def trigrams(text: str) -> frozenset[str]:
    """Character trigrams of the text, case folded: a token set that works in scripts without spaces too."""
    folded = f"  {' '.join(text.casefold().split())} "
    return frozenset(folded[start : start + 3] for start in range(len(folded) - 2))
