"""Sides for rows that came without: 80 % train, 10 % validation, 10 % test, near-duplicates together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from whetstone.datasets.near_duplicates import (
    Fingerprint,
    UnionFind,
    join_near_duplicates,
    normalise,
    shingles,
    template_shingles,
)
from whetstone.datasets.split import Group, Side, assign
from whetstone.finetune.data.material import Material

FRACTIONS: Mapping[Side, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}

_TEMPLATE_SAMPLE = 200
_BY_SIMILARITY = "The rows came without a split; they were divided by trajectory, near-duplicates together."
_BY_QUESTION = (
    "The rows came without a split and all resemble each other; only equal questions were kept on one side, so that "
    "validation looks better than it is."
)


def divided(material: Sequence[Material], seed: int) -> tuple[list[Material], str]:
    """The rows with `group` and `side` set, a function of their content and the seed; and a sentence about it.

    Train and validation get a row each where there are two groups at all.
    """
    note = _BY_SIMILARITY
    joined = _joined(material, _near_duplicates)
    if len(joined) < 2:
        note, joined = _BY_QUESTION, _joined(material, _equal_questions)
    groups = {root: Group.of([material[i].split_row() for i in rows]) for root, rows in joined.items()}
    sizes = {group.id: len(group.rows) for group in groups.values()}
    sides = _populated(assign(groups.values(), seed, FRACTIONS, caps={}), sizes, seed)
    placed: dict[int, Material] = {}
    for root, rows in joined.items():
        name = groups[root].id
        for i in rows:
            placed[i] = replace(material[i], group=name, side=sides[name])
    return [placed[i] for i in range(len(material))], note


def _populated(sides: dict[str, Side], sizes: Mapping[str, int], seed: int) -> dict[str, Side]:
    """With at least one group to train on and one to validate with, where there are two."""
    needed: tuple[Side, ...] = ("validation", "train")
    for side in needed:
        if side in sides.values() or len(sides) < 2:
            continue
        count = Counter(sides.values())
        spare = [name for name, held in sides.items() if held == "test" or count[held] > 1]
        # Of the smallest groups any; first those of the test side, which a job can do without.
        smallest = min(
            spare,
            key=lambda name: (sides[name] != "test", sizes[name], sha256(f"{seed}:{name}".encode()).digest()),
        )
        sides[smallest] = side
    return sides


def _joined(
    material: Sequence[Material], join: Callable[[Sequence[Material], UnionFind], None]
) -> dict[int, list[int]]:
    groups = UnionFind(len(material))
    first: dict[str, int] = {}
    for index, each in enumerate(material):
        groups.union(first.setdefault(each.group, index), index)
    join(material, groups)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in range(len(material)):
        members[groups.find(index)].append(index)
    return members


def _near_duplicates(material: Sequence[Material], groups: UnionFind) -> None:
    texts = [each.question_text for each in material]
    sets = [shingles(text) for text in texts]
    sample = sorted(
        {normalise(text) for text in texts}, key=lambda text: sha256(text.encode("utf-8", "replace")).digest()
    )
    template = template_shingles(sample[:_TEMPLATE_SAMPLE])
    prints = [Fingerprint.of(found - template) for found in sets]
    join_near_duplicates(prints, list(range(len(material))), lambda index: sets[index] - template, groups)
    _equal_questions(material, groups)


def _equal_questions(material: Sequence[Material], groups: UnionFind) -> None:
    first: dict[str, int] = {}
    for index, each in enumerate(material):
        groups.union(first.setdefault(normalise(each.question_text), index), index)
