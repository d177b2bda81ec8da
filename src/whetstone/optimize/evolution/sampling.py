"""Which training rows a proposal is made from and judged by.

Rows go round in epochs: the one that was used least comes first, and rows on which the parent fails, or its
ancestors did, before the others. Results are kept, so a parent is asked a row only once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from whetstone.optimize.engine.evaluation import SOLVED
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.rows.examples import Example

_FAILS_AGAIN, _FAILS_ANEW = 0.75, 0.1
_PLENTY = 2
"""Known failures that are enough for any number of proposals, as a multiple of those in a minibatch."""
_ROUND = 2
"""Rows asked in search of failures, at most, as a multiple of the minibatch; doubled when none was found."""


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Rows that a parent fails on and a few that it solves, which an edit must not break."""

    failures: tuple[Example, ...]
    guards: tuple[Example, ...]

    @property
    def rows(self) -> tuple[Example, ...]:
        """All of them."""
        return (*self.failures, *self.guards)


class Sampler:
    """The training rows of one evolution and how often each was used."""

    def __init__(self, rows: Sequence[Example], minibatch: int) -> None:
        self.rows = tuple(rows)
        self.guards = 0 if minibatch == 1 else max(1, minibatch // 4)
        self.wanted = minibatch - self.guards
        self._minibatch = minibatch
        self._uses: Counter[str] = Counter()

    def failures(self, member: Member, among: Collection[str] | None = None) -> list[Example]:
        """Rows that `member` is known to fail on."""
        return [
            row
            for row in self.rows
            if member.train.get(row.id, 1.0) < SOLVED and (among is None or row.id in among)
        ]

    def successes(self, member: Member) -> list[Example]:
        """Rows that `member` is known to solve."""
        return [row for row in self.rows if member.train.get(row.id, 0.0) >= SOLVED]

    def unexplored(self, member: Member, rng: random.Random) -> list[tuple[Example, float]]:
        """Rows not asked yet, those that probably fail first, each with the chance that it does."""
        chance = min(max(member.failing(), 0.05), 0.95)
        order = []
        for row in self.rows:
            if row.id in member.train or row.id in member.unanswered:
                continue
            known = member.expected.get(row.id)
            rank = 1 if known is None else (0 if known < SOLVED else 2)
            fails = (_FAILS_AGAIN, chance, _FAILS_ANEW)[rank]
            order.append((rank, self._uses[row.id], rng.random(), row, fails))
        return [(row, fails) for _, _, _, row, fails in sorted(order, key=lambda item: item[:3])]

    def to_explore(
        self, member: Member, rng: random.Random, attempt: int, proposals: int = 1
    ) -> list[Example]:
        """Rows to ask `member` before `proposals` are made from it: as many as should show enough new failures.

        None when enough are known, or none is left that could show one. `attempt` counts earlier ones in vain.
        """
        known = self.failures(member)
        fresh = [row for row in known if row.id not in member.shown]
        missing = self.wanted * proposals - len(fresh)
        if len(known) >= _PLENTY * self.wanted:
            missing = 0 if fresh else 1  # the same rows in new company will do, with a new one now and then
        if missing <= 0 or (attempt and known):
            return []
        most = self._minibatch * _ROUND * proposals * 2**attempt
        chosen: list[Example] = []
        hoped = 0.0
        for row, chance in self.unexplored(member, rng):
            if hoped >= missing or len(chosen) >= most or (fresh and chance == _FAILS_ANEW):
                break
            chosen.append(row)
            hoped += chance
        return chosen

    def minibatch(self, member: Member, usable: Collection[str], rng: random.Random) -> Minibatch:
        """Failures of `member` among the rows `usable`, the least used first, and rows that it solves."""
        failures = self.failures(member, usable)
        failures.sort(key=lambda row: (row.id in member.shown, self._uses[row.id], rng.random()))
        chosen = tuple(failures[: self.wanted])
        solved = self.successes(member)
        guards = tuple(rng.sample(solved, min(self.guards, len(solved))))
        for row in chosen:
            self._uses[row.id] += 1
            member.shown.add(row.id)
        return Minibatch(chosen, guards)
