"""The Pareto front over rows: a candidate counts that is the best on some row, however it does on the others.

The rules are those of GEPA (Agrawal et al., 2025, algorithm 2): candidates that others make superfluous are removed,
and parents are drawn in proportion to the number of rows on which they lead.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from whetstone.optimize.evolution.members import Member

_EQUAL = 1e-9


def leaders(members: Sequence[Member], rows: Sequence[str]) -> list[set[int]]:
    """For each row, the numbers of the members with its best score."""
    found = []
    for row in rows:
        best = max(member.scores[row] for member in members)
        found.append({member.number for member in members if member.scores[row] >= best - _EQUAL})
    return found


def front(members: Sequence[Member], rows: Sequence[str]) -> dict[int, int]:
    """Members of the front by number, with the count of rows on which each leads.

    All `members` must cover `rows`. One that leads nowhere alone is dominated by those who remain and goes, the
    weakest first (see `Member.merit`: tokens break ties).
    """
    if not members or not rows:
        return {}
    best = leaders(members, rows)
    for member in sorted(members, key=lambda m: (*m.merit(rows), m.number)):
        if all(len(numbers) > 1 for numbers in best if member.number in numbers):
            for numbers in best:
                numbers.discard(member.number)
    counts: dict[int, int] = {}
    for numbers in best:
        for number in numbers:
            counts[number] = counts.get(number, 0) + 1
    return dict(sorted(counts.items()))


def draw(members: Sequence[Member], counts: dict[int, int], rng: random.Random) -> Member:
    """A member of the front, as often as it leads."""
    chosen = rng.choices(list(counts), weights=list(counts.values()))[0]
    return next(member for member in members if member.number == chosen)
