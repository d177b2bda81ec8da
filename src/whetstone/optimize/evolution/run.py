"""What the steps of an evolution share: its members, its rows, its means, and how far it is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.plan import Plan
from whetstone.optimize.evolution.population import Population
from whetstone.optimize.evolution.sampling import Sampler
from whetstone.optimize.evolution.trials import Trials
from whetstone.optimize.evolution.validation import staged
from whetstone.optimize.optimizer import SearchContext
from whetstone.optimize.rows.examples import Example

_MOST_AT_ONCE = 100


@dataclass(slots=True)
class Run:
    """The state of an evolution, a fold of the journal's results.

    `width` is the number of calls that the endpoint takes at once. `stalls` counts steps since the last accepted
    candidate, `barren` those since the last proposal that could be tried. `young` is a lineage that parents are
    taken from until the step `young_until`, `preferred` the last such step of each; `floor` is the mean that the
    search began with. `merges` and `paired` tell which combinations were tried, `restarts` counts new beginnings.
    `head` is a candidate that was gone on with before its validation, `trust` how many edits may go without one, and
    `vain` counts steps that did not improve the head. `told` are the candidates whose edits were announced.
    """

    context: SearchContext
    plan: Plan
    width: int
    trials: Trials = field(init=False)
    sampler: Sampler = field(init=False)
    population: Population = field(init=False)
    step: int = 0
    stalls: int = 0
    barren: int = 0
    accepted: int = 0
    restarts: int = 0
    may_merge: bool = False
    merges: int = 0
    paired: set[tuple[int, int]] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    floor: float = 0.0
    head: Member | None = None
    trust: int = 1
    vain: int = 0
    young: int | None = None
    young_until: int = 0
    preferred: dict[int, int] = field(default_factory=dict)
    lineage: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trials = Trials(self.context, self.plan)
        self.sampler = Sampler(self.context.train, self.context.spec.evolution.minibatch)
        self.population = Population(self.context.spec.seed)

    @property
    def ids(self) -> list[str]:
        """Of the validation rows that rank every candidate."""
        return self.trials.ids

    @property
    def leader(self) -> Member:
        """The best so far on these rows."""
        return self.population.leader(self.ids)

    @property
    def spent(self) -> int:
        """Calls so far."""
        return self.plan.total - self.context.calls_left()

    def rng(self, step: str, purpose: str) -> random.Random:
        """Randomness of one purpose in one step."""
        return derived(self.context.spec.seed, self.context.name(step), purpose)

    def repeat(self, place: int) -> int:
        """Tells a question to the reflection model apart from equal ones of this and of other steps."""
        return self.step * _MOST_AT_ONCE + place

    def leads(self, member: Member) -> bool:
        """Whether a candidate that was scored leads on some row: of all, or of a young lineage."""
        if self.population.on_front(member, self.ids):
            return True
        return member.island == self.young and self.population.on_front(member, self.ids, self.young)

    def prefer(self, island: int) -> None:
        """Take parents from one lineage, for as many steps as are given to any without an accepted edit."""
        self.young = island
        self.young_until = self.step + self.context.spec.evolution.restart_after
        self.preferred[island] = self.step

    async def validate(self, step: str, candidates: Sequence[Member]) -> list[Member]:
        """Candidates that got through staged validation."""

        def scout(member: Member) -> list[Example]:
            order = self.sampler.unexplored(member, self.rng(step, "scout")) if member.parents else []
            return [row for row, _ in order[: self.sampler.wanted]]

        self.population.judge(candidates)
        return await staged(self.trials, step, candidates, scout)

    def admit(self, member: Member) -> None:
        """Accept a candidate and tell why, with the edits that led to it from those accepted before."""
        new = [each for each in member.ancestors() if each.number not in self.told]
        self.told.update(each.number for each in new)
        self.population.add(member)
        self.accepted += 1
        self.stalls = 0
        self.may_merge = True
        if member.island == self.young:
            self.prefer(member.island)
        self.note(member)
        mean, best = member.mean(self.ids), self.leader.mean(self.ids)
        text = (
            f"step {self.step}: candidate {member.number} accepted, {mean:.2f} on {len(self.ids)} validation rows "
            f"(best {best:.2f}): {member.hypothesis or member.origin}"
        )
        for each in reversed(new):
            extra = {} if each.edit is None else {"edit": each.edit.to_dict()}
            said = f"step {each.step}: candidate {each.number} led there: {each.hypothesis or each.origin}"
            self.context.progress.log(text if each is member else said, **extra)
        self.tell(text, hypothesis=member.hypothesis)

    def note(self, member: Member) -> None:
        """Enter a scored candidate into the lineage."""
        rows = [row for row in self.ids if row in member.scores]
        if rows:
            self.lineage.append(member.lineage(member.mean(rows), len(rows)))

    def tell(self, message: str, **extra: Any) -> None:
        """Progress in words."""
        self.context.tell(min(self.spent / self.plan.total, 1.0), message, step=self.step, **extra)
