"""All candidates of an evolution that were accepted, its lineages, and who may have children."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.evolution.front import draw, front
from whetstone.optimize.evolution.members import Member

_FRONTIER = 8


class Population:
    """Members that were scored on the prefix of the validation rows."""

    def __init__(self, seed: int) -> None:
        self.members: list[Member] = []
        self.exhausted: set[int] = set()
        self._seed = seed
        self._numbers: dict[str, int] = {}
        self._validated: set[str] = set()

    def number(self, candidate: Candidate) -> int | None:
        """A number for a candidate, the same if it was tried before; None for one that validation has judged."""
        if candidate.id in self._validated:
            return None
        return self._numbers.setdefault(candidate.id, len(self._numbers))

    @property
    def tried(self) -> int:
        """Candidates so far, accepted or not."""
        return len(self._numbers)

    def judge(self, members: Iterable[Member]) -> None:
        """Take note of candidates that were put before validation rows: they are not tried again."""
        self._validated.update(member.candidate.id for member in members)

    def add(self, member: Member) -> None:
        """Accept a candidate."""
        self.members.append(member)

    def active(self, rows: Sequence[str], island: int | None = None) -> list[Member]:
        """Members that were scored on `rows`, of one lineage or of all."""
        return [m for m in self.members if m.covers(rows) and island in (None, m.island)]

    def leader(self, rows: Sequence[str]) -> Member:
        """The best on `rows`."""
        return max(self.active(rows), key=lambda m: (*m.merit(rows), m.number))

    def on_front(self, member: Member, rows: Sequence[str], island: int | None = None) -> bool:
        """Whether a candidate would be on the front, of one lineage or of all, if it were accepted."""
        return member.number in front([*self.active(rows, island), member], rows)

    def front_members(self, rows: Sequence[str], island: int | None = None) -> list[Member]:
        """Members on the front of one lineage or of all."""
        active = self.active(rows, island)
        counts = front(active, rows)
        return [member for member in active if member.number in counts]

    def parents(self, rows: Sequence[str], step: str, islands: Sequence[int | None]) -> list[Member]:
        """One parent for each of `islands` (None: of all lineages), drawn by how many rows it leads on.

        Members without a training row to learn from have no children; empty when there is no other.
        """
        found = []
        for slot, island in enumerate(islands):
            chosen = self._draw(rows, island, f"{step}/parent-{slot}") or self._draw(rows, None, step)
            if chosen is not None:
                found.append(chosen)
        return found

    def _draw(self, rows: Sequence[str], island: int | None, purpose: str) -> Member | None:
        active = self.active(rows, island)
        counts = front(active, rows)
        counts = {number: count for number, count in counts.items() if number not in self.exhausted}
        return draw(active, counts, derived(self._seed, purpose, "parent")) if counts else None

    def frontier(self, rows: Sequence[str], beside: Candidate) -> list[dict[str, Any]]:
        """The best of the front but `beside`, as the artifact shows them."""
        others = [m for m in self.front_members(rows) if m.candidate.id != beside.id]
        others.sort(key=lambda m: m.merit(rows), reverse=True)
        return [
            {
                "prompt": member.candidate.prompt,
                "score": member.mean(rows),
                "promptTokenCount": member.candidate.tokens(),
                "origin": member.origin,
            }
            for member in others[:_FRONTIER]
        ]
