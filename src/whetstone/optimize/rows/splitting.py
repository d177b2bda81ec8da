"""A split for rows that came without one: by trajectory, near-duplicates together, as datasets are split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from whetstone.datasets.near_duplicates import (
    Fingerprint,
    UnionFind,
    join_near_duplicates,
    shingles,
    template_shingles,
    text_hash,
)
from whetstone.datasets.split import Group, SplitRow, assign
from whetstone.optimize.rows.examples import Example

_TEMPLATE_SAMPLE = 200


def split_examples(examples: Sequence[Example], task: str, seed: int) -> list[Example]:
    """`examples` with `split` and `group` set; a function of their content and the seed."""
    hashes = [shingles(example.text) for example in examples]
    template = template_shingles({example.normalised for example in examples[:_TEMPLATE_SAMPLE]})
    prints = [Fingerprint.of(found - template) for found in hashes]
    owners = _owners(examples)
    groups = UnionFind(len(examples))
    join_near_duplicates(prints, owners, lambda index: hashes[index] - template, groups)
    members: dict[int, list[int]] = defaultdict(list)
    for index, owner in enumerate(owners):
        members[groups.find(owner)].append(index)
    made = {
        root: Group.of([_split_row(examples[i], task) for i in indexes]) for root, indexes in members.items()
    }
    sides = assign(made.values(), seed)
    return [
        replace(example, group=made[root].id, split=sides[made[root].id])
        for example, root in zip(examples, (groups.find(owner) for owner in owners), strict=True)
    ]


def _owners(examples: Sequence[Example]) -> list[int]:
    """For each example the index of the first one of its group."""
    first: dict[str, int] = {}
    return [first.setdefault(example.group, index) for index, example in enumerate(examples)]


def _split_row(example: Example, task: str) -> SplitRow:
    return SplitRow(task, example.label, True, text_hash(example.text, example.expected_text))
