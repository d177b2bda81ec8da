"""What is known of each candidate: its answers on minibatches, which guide, and on all rows, which decide."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.optimize.engine.evaluation import MAX_ERROR_RATE, Evaluation
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.instructions.space import Point, Space
from whetstone.optimize.optimizer import SearchContext, lineage_entry
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified

_DOUBT_OF_ROW = 2.0
"""Answers' worth of doubt about how hard a row is."""
_DOUBT_OF_CANDIDATE = 3.0
"""Rows' worth of doubt about whether a candidate differs from the others."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A candidate under trial. `number` counts from 1 in the order of first trials; 0 is a reference."""

    number: int
    point: Point
    candidate: Candidate
    origin: str


class Board:
    """The standing of a search whose final choice is made on `rows`.

    References (the incumbent, the start) are scored on all rows from the beginning. An arm joins at its first trial.
    """

    def __init__(self, context: SearchContext, space: Space, rows: Sequence[Example]) -> None:
        self.rows = tuple(rows)
        self.lineage: list[dict[str, Any]] = []
        self._context = context
        self._space = space
        self._repeats = context.spec.repeats
        self.start = Arm(0, Point(0, 0, 0), context.start, space.origin(Point(0, 0, 0)))
        self._arms: dict[str, Arm] = {}
        self._standing: dict[str, Evaluation] = {}
        self._drawn: tuple[int, list[Example]] = (-1, [])
        self._finished: list[Arm] | None = None
        self._estimated: dict[str, float] | None = None

    @property
    def arms(self) -> list[Arm]:
        """The arms in the order of their first trials."""
        return list(self._arms.values())

    def arm(self, point: Point) -> Arm:
        """The arm at `point`, new or not."""
        candidate = self._space.candidate(point)
        if candidate.id not in self._arms:
            self._arms[candidate.id] = Arm(len(self._arms) + 1, point, candidate, self._space.origin(point))
            self._estimated = None
        return self._arms[candidate.id]

    def known(self, candidate: Candidate, rows: Sequence[Example] | None = None) -> Evaluation:
        """What is known of `candidate` on `rows` (by default all)."""
        if rows is not None:
            return self._context.evaluator.collect(candidate, rows, self._repeats)
        if candidate.id not in self._standing:
            found = self._context.evaluator.collect(candidate, self.rows, self._repeats)
            self._standing[candidate.id] = found
        return self._standing[candidate.id]

    def refresh(self) -> None:
        """New answers are known."""
        self._standing.clear()
        self._finished = self._estimated = None

    def cost(self, candidates: Sequence[Candidate]) -> int:
        """Calls that scoring `candidates` on all rows still takes."""
        return self._context.evaluator.cost([(each, self.rows) for each in candidates], self._repeats)

    def minibatch(self, candidate: Candidate, number: int, size: int) -> list[Example]:
        """Up to `size` rows for trial batch `number`: balanced, drawn by chance, those that `candidate` was not asked
        before those that it answered. The new arms of a batch get the same rows."""
        known = self.known(candidate)
        asked, answered = {row.example for row in known.rows}, known.by_example()
        order = self._order(number)
        fresh = [row for row in order if row.id not in asked]
        return [*fresh, *(row for row in order if row.id in answered)][:size]

    def _order(self, number: int) -> list[Example]:
        if self._drawn[0] != number:
            name = self._context.name(f"minibatch-{number}")
            self._drawn = number, stratified(self.rows, self._context.spec.seed, name)
        return self._drawn[1]

    def note(self, arm: Arm, rows: Sequence[Example], wave: int) -> None:
        """Take an arm's results on `rows` into the lineage: a minibatch, and all rows once all are known."""
        found = self.known(arm.candidate, rows)
        if found.failed:
            self._context.progress.log(f"candidate {arm.number}: {found.problem}")
        if found.valid and len(rows) < len(self.rows):
            self.enter(wave, arm.number, found, f"{arm.origin}; minibatch of {len(rows)} rows")
        everything = self.known(arm.candidate)
        if everything.valid:
            self.enter(wave, arm.number, everything, f"{arm.origin}; all {len(self.rows)} validation rows")

    def enter(self, wave: int, number: int, found: Evaluation, notes: str) -> None:
        """Add a line to the lineage."""
        rows = found.wanted // self._repeats
        self.lineage.append(lineage_entry(wave, number, found.candidate, found.mean, rows=rows, notes=notes))

    def hopeless(self, candidate: Candidate) -> bool:
        """Whether so many calls failed that the candidate cannot be scored any more."""
        return self.known(candidate).failed > MAX_ERROR_RATE * len(self.rows) * self._repeats

    def validated(self, candidate: Candidate) -> bool:
        """Whether `candidate` was tried on all rows, with a score or without."""
        return self.known(candidate).complete

    def finished(self) -> list[Arm]:
        """The fully validated arms that have a score."""
        if self._finished is None:
            self._finished = [arm for arm in self.arms if self.known(arm.candidate).valid]
        return self._finished

    def waiting(self) -> list[tuple[Arm, float]]:
        """The arms that could be validated fully, with their estimated scores, the best first."""
        estimates = self._estimates()
        found = [
            (arm, estimates[arm.candidate.id])
            for arm in self.arms
            if not self.validated(arm.candidate) and not self.hopeless(arm.candidate)
        ]
        return sorted(found, key=lambda each: (-each[1], each[0].candidate.tokens(), each[0].number))

    def best(self) -> Arm:
        """The arm (or the start) with the best estimated score."""
        estimates = self._estimates()
        known = [arm for arm in (self.start, *self.arms) if arm.candidate.id in estimates]
        return max(known, key=lambda arm: (estimates[arm.candidate.id], -arm.number), default=self.start)

    def top_score(self) -> float:
        """Mean of the best reference or fully validated arm."""
        scored = [self.known(each) for each in (*self._references(), *(a.candidate for a in self.finished()))]
        return max((found.mean for found in scored if found.valid), default=0.0)

    def doubt(self, arm: Arm) -> float:
        """Standard error of an arm's score on the rows that it has not answered, seen from those that it has."""
        scores = list(self.known(arm.candidate).by_example().values())
        if len(scores) < 2:
            return 1.0
        mean = (sum(scores) + 1) / (len(scores) + 2)
        return math.sqrt(mean * (1 - mean) / len(scores))

    def observations(self) -> list[tuple[Point, float]]:
        """The estimated score of the start and of each arm that has answers, for the surrogate."""
        estimates = self._estimates()
        start = self._context.start.id
        found = [(Point(0, 0, 0), estimates[start])] if start in estimates else []
        return [*found, *((arm.point, estimates[key]) for key, arm in self._arms.items() if key in estimates)]

    def standing(self, instruction: int) -> tuple[float, int] | None:
        """The best estimated score among the candidates with an instruction, and the answers behind it."""
        estimates = self._estimates()
        made = [arm.candidate for arm in self.arms if arm.point.instruction == instruction]
        made += [self._context.start] if instruction == 0 else []
        scored = [(estimates[each.id], len(self.known(each).rows)) for each in made if each.id in estimates]
        return max(scored, default=None)

    def _estimates(self) -> dict[str, float]:
        """Scores by candidate id, made comparable across minibatches: how much better a candidate did on its rows than
        candidates do on these rows, in doubt nothing."""
        if self._estimated is None:
            self._estimated = self._estimate()
        return self._estimated

    def _estimate(self) -> dict[str, float]:
        everyone = {each.id: each for each in self._references()}
        everyone.update({key: arm.candidate for key, arm in self._arms.items()})
        scores = {key: self.known(each).by_example() for key, each in everyone.items()}
        by_row: dict[str, list[float]] = defaultdict(list)
        for answers in scores.values():
            for row, score in answers.items():
                by_row[row].append(score)
        count = sum(map(len, by_row.values()))
        if not count:
            return {}
        typical = sum(map(sum, by_row.values())) / count
        expected = {
            row: (sum(given) + _DOUBT_OF_ROW * typical) / (len(given) + _DOUBT_OF_ROW)
            for row, given in by_row.items()
        }
        return {
            key: typical
            + sum(score - expected[row] for row, score in answers.items())
            / (len(answers) + _DOUBT_OF_CANDIDATE)
            for key, answers in scores.items()
        }

    def _references(self) -> Iterator[Candidate]:
        yield self._context.incumbent
        if self._context.start.id != self._context.incumbent.id:
            yield self._context.start
