"""The candidates of an evolution, what is known of each, and how they descend from one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.optimizer import Edit, lineage_entry


@dataclass(slots=True, eq=False)
class Member:
    """One candidate with its results so far.

    `scores` are those of validation rows, `train` those of training rows, by row id (means over repeats); `expected`
    fills the latter up with the nearest ancestor's. `gain` sums the minibatch deltas of the edits that led here.
    `island` numbers the lineage's first member. `tried` counts proposals by component, `refuted` are hypotheses
    whose edits of this candidate were rejected, `hints` those that helped a sibling, `shown` the rows that such proposals were made from.
    """

    number: int
    candidate: Candidate
    origin: str
    parents: tuple[Member, ...] = ()
    step: int = 0
    hypothesis: str = ""
    edit: Edit | None = None
    gain: float = 0.0
    island: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    train: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    refuted: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.candidate.tokens()

    def learn(self, scores: dict[str, float]) -> None:
        """Take note of training rows' scores."""
        self.train.update(scores)
        self.expected.update(scores)

    def mean(self, rows: Sequence[str]) -> float:
        """Mean score on validation rows that it has all been scored on."""
        return sum(self.scores[row] for row in rows) / len(rows)

    def covers(self, rows: Sequence[str]) -> bool:
        """Whether it was scored on all of these validation rows."""
        return all(row in self.scores for row in rows)

    def reference(self, rows: Sequence[str]) -> Member:
        """The nearest ancestor that was scored on `rows`; itself where there is none."""
        return next((each for each in self.ancestors() if each is not self and each.covers(rows)), self)

    def failing(self) -> float:
        """Share of rows that it probably fails on, by the validation rows of the nearest that was scored."""
        scores = next((each.scores for each in self.ancestors() if each.scores), {})
        return 1 - sum(scores.values()) / len(scores) if scores else 0.5

    def ancestors(self) -> Iterator[Member]:
        """Itself and all that it descends from, nearest first."""
        seen: set[int] = set()
        queue = [self]
        while queue:
            member = queue.pop(0)
            if member.number not in seen:
                seen.add(member.number)
                yield member
                queue.extend(member.parents)

    def edits(self) -> tuple[Edit, ...]:
        """The changes that led here, the first one first; of a combination, those of the better parent."""
        chain: list[Edit] = []
        member: Member | None = self
        while member is not None:
            if member.edit is not None:
                chain.append(member.edit)
            member = member.parents[0] if member.parents else None
        return tuple(reversed(chain))

    def merit(self, rows: Sequence[str]) -> tuple[float, float, int]:
        """Sort key, best highest: mean on `rows`, then what its edits gained in training, then fewer tokens."""
        return (round(self.mean(rows), 9), self.gain, -self.tokens)

    def lineage(self, score: float, rows: int) -> dict[str, Any]:
        """The artifact's entry."""
        return lineage_entry(
            self.step,
            self.number,
            self.candidate,
            score,
            rows=rows,
            notes=self.hypothesis or self.origin,
            parents=[_scored(parent).number for parent in self.parents],
        )


def child_of(
    parents: tuple[Member, ...], number: int, candidate: Candidate, origin: str, step: int
) -> Member:
    """A descendant that nothing is known of yet but what its parents let expect; the first parent counts most."""
    expected: dict[str, float] = {}
    for parent in parents:
        for row, score in parent.expected.items():
            expected[row] = max(score, expected.get(row, 0.0))
    return Member(
        number,
        candidate,
        origin,
        parents=parents,
        step=step,
        gain=parents[0].gain,
        island=parents[0].island,
        expected=expected,
        tried=Counter(parents[0].tried),
    )


def _scored(member: Member) -> Member:
    return next((each for each in member.ancestors() if each.scores), member)
