"""Tells a person how a rung of the race goes: `candidate 7 of 18: validation 0.61 (best 0.61)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from whetstone.optimize.engine.evaluation import Evaluation, RowResult
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.fewshot.halving import Plan
from whetstone.optimize.optimizer import SearchContext


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a search is by its calls: `before` were made when it began, and it may make `total`."""

    before: int
    total: int

    @classmethod
    def of(cls, context: SearchContext) -> Self:
        """The pace of a search that begins now."""
        return cls(context.ledger.search_calls_made(), max(context.calls_left(), 1))

    def share(self, made: int) -> float:
        """The share of the calls that is made when `made` of the job's are."""
        return (made - self.before) / self.total


class Commentary:
    """Running means of rung `number` (from 0) of `plan`.

    `alive` are the challengers' ids in order, `earlier` what they scored on the rung below.
    A mean counts as best once its candidate has answered all rows of the rung.
    """

    def __init__(
        self,
        context: SearchContext,
        number: int,
        plan: Plan,
        pace: Pace,
        alive: Sequence[str],
        earlier: Mapping[str, Evaluation],
    ) -> None:
        self._context = context
        self._number = number
        self._plan = plan
        self._pace = pace
        self._made = context.ledger.search_calls_made()
        self._places = {candidate: place for place, candidate in enumerate(alive, start=1)}
        self._rows = {candidate: list(evaluation.rows) for candidate, evaluation in earlier.items()}
        self._best = 0.0

    def on_row(self, candidate: Candidate, row: RowResult, done: int, wanted: int) -> None:
        """Take in one more answer."""
        rows = self._rows.setdefault(candidate.id, [])
        rows.append(row)
        rung, repeats = self._plan.rungs[self._number], self._context.spec.repeats
        whole = len(rows) == rung.rows * repeats
        if not (whole or self._context.progress.due):
            return  # a mean over all rows for each answer would be quadratic
        evaluation = Evaluation(candidate, tuple(rows), rung.rows * repeats)
        if evaluation.valid:
            self._best = max(self._best, evaluation.mean)
        if not self._context.progress.due:
            return
        place = self._places.get(candidate.id)
        name = "today's prompt" if place is None else f"candidate {place} of {len(self._places)}"
        self._context.tell(
            self._pace.share(self._made + done),
            f"{name}: validation {evaluation.mean:.2f} (best {self._best:.2f}), round {self._number + 1} of "
            f"{len(self._plan.rungs)} on {rung.rows} rows, {done} of {wanted} answers",
            step=self._number + 1,
        )
