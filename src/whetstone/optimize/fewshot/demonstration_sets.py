"""Sets of demonstrations to try: several ways to choose a few training examples that teach a task.

Families (see MIPRO, arXiv 2406.11695, for how much the choice matters): one of each label in turn, those that the
bare prompt gets wrong, the most different from each other, those that most others resemble, the best rewarded, and
chance. Only training rows take part in the choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from whetstone.datasets.near_duplicates import jaccard
from whetstone.optimize.engine.randomness import derived, stable_order
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import DemonstrationFormat

# Examples are compared among so many of the best at most, and by so much of their text.
_DIVERSE_POOL = 500
_REPRESENTED_POOL = 150
_COMPARED_CHARACTERS = 1500
_QUARTER_FROM = 12
_MOST_MISFITS = 40  # in a row; then the room counts as full

WHY = {
    "label-balanced": "one example of each kind of answer teaches what tells them apart",
    "errors": "examples that the bare prompt answers wrongly teach what it lacks",
    "diverse": "examples unlike each other cover more of what is asked",
    "representative": "examples that many others resemble stand for what is usually asked",
    "top-reward": "the answers that are known best to be right teach best",
    "random": "a draw by chance, in which better rewarded answers come up more often, may teach by luck",
}
"""What each family bets on."""

RENDERINGS: Mapping[str, tuple[DemonstrationFormat, ...]] = {
    "auto": ("turns", "block"),
    "turns": ("turns",),
    "block": ("block",),
}
"""The renderings that a job tries, by its option `demonstrationFormat`."""

SHOWN_AS: Mapping[DemonstrationFormat, str] = {"turns": "as chat turns", "block": "in the system prompt"}
"""The renderings of demonstrations in words."""


@dataclass(frozen=True, slots=True)
class DemonstrationSet:
    """Examples to show, in the order in which they are shown."""

    family: str
    examples: tuple[Example, ...]

    @property
    def hypothesis(self) -> str:
        """Why the set may teach the task."""
        return WHY[self.family.rsplit("-", 1)[0] if self.family.startswith("random-") else self.family]


def demonstration_sets(
    pool: Sequence[Example],
    *,
    size: int,
    random_sets: int,
    seed: int,
    fits: Callable[[Sequence[Example]], bool],
    errors: Collection[str] = (),
) -> list[DemonstrationSet]:
    """Different sets of `size` and of about half as many examples from `pool` (of large sizes also a quarter).

    The most promising come first: every family's large set before the small ones. `fits` says whether a set still
    fits the model's context; an example that would overflow it is passed over. `errors` are the ids of examples
    that the bare prompt is known to get wrong.
    """
    ordered = sorted(pool, key=lambda example: (*example.quality, stable_order(seed, "pool", example.id)))
    ranked = [example for example in ordered if fits([example])]
    wrong = [example for example in ranked if example.id in errors]
    sizes = sorted({size, -(-size // 2), *([size // 4] if size >= _QUARTER_FROM else [])}, reverse=True)
    orders = {
        "label-balanced": _label_balanced(ranked),
        "errors": _label_balanced(wrong) if _has_labels(wrong) else iter(wrong),
        "diverse": _diverse(ranked),
        "representative": _representative(ranked),
        "top-reward": iter(ranked),
    }
    largest = {family: _take(order, size, fits) for family, order in orders.items()}
    sets: dict[tuple[str, ...], DemonstrationSet] = {}
    for count in sizes:
        chosen = {family: examples[:count] for family, examples in largest.items()}
        for number in range(1, random_sets + 1):
            chosen[f"random-{number}"] = _take(_drawn(ranked, seed, number, count), count, fits)
        for family, examples in chosen.items():
            if examples:
                sets.setdefault(tuple(e.id for e in examples), DemonstrationSet(family, tuple(examples)))
    return list(sets.values())


def _take(
    candidates: Iterator[Example], count: int, fits: Callable[[Sequence[Example]], bool]
) -> list[Example]:
    chosen: list[Example] = []
    misfits = 0
    for example in candidates:
        if fits([*chosen, example]):
            chosen.append(example)
            misfits = 0
        else:
            misfits += 1
        if len(chosen) == count or misfits == _MOST_MISFITS:
            break
    return chosen


def _has_labels(examples: Sequence[Example]) -> bool:
    return len({example.label for example in examples} - {None}) > 1


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
    grams = [trigrams(example.text[:_COMPARED_CHARACTERS]) for example in pool]
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


def _representative(ranked: Sequence[Example]) -> Iterator[Example]:
    """Facility location, greedily: each next example is the one that brings all examples nearest to a chosen one."""
    pool = list(ranked[:_REPRESENTED_POOL])
    grams = [trigrams(example.text[:_COMPARED_CHARACTERS]) for example in pool]
    alike = [[1.0] * len(pool) for _ in pool]
    for row in range(len(pool)):
        for column in range(row):
            alike[row][column] = alike[column][row] = jaccard(grams[row], grams[column])
    covered = [0.0] * len(pool)
    left = list(range(len(pool)))
    while left:
        gains = {
            index: sum(max(mine - best, 0.0) for mine, best in zip(alike[index], covered, strict=True))
            for index in left
        }
        chosen = max(left, key=lambda index: (gains[index], -index))
        left.remove(chosen)
        yield pool[chosen]
        covered = [max(pair) for pair in zip(alike[chosen], covered, strict=True)]


def _drawn(ranked: Sequence[Example], seed: int, number: int, count: int) -> Iterator[Example]:
    """A draw without replacement, weighted by reward (Efraimidis and Spirakis, 2006)."""
    rng = derived(seed, "demonstration-sets", f"random-{number}-{count}")
    keys = {example.id: rng.random() ** (1 / _weight(example)) for example in ranked}
    return iter(sorted(ranked, key=lambda example: (-keys[example.id], example.id)))


def _weight(example: Example) -> float:
    """A verified answer's weight: its reward, and 1 for what a person or a teacher wrote."""
    return min(max(example.reward or 0.0, 0.1), 1.0) if example.gold == "reward" else 1.0


def trigrams(text: str) -> frozenset[str]:
    """Character trigrams of the text, case folded: a token set that works in scripts without spaces too."""
    folded = f"  {' '.join(text.casefold().split())} "
    return frozenset(folded[start : start + 3] for start in range(len(folded) - 2))
