"""A race of challengers on the validation rows, by the plan of successive halving.

The incumbent runs beside the challengers on every rung, so that scores are always compared on the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import Evaluation, InvalidEvaluationError, StepResult
from whetstone.optimize.engine.evaluator import Work
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.fewshot.commentary import Commentary, Pace
from whetstone.optimize.fewshot.halving import Plan, Rung, plan, smallest
from whetstone.optimize.optimizer import Edit, SearchContext, SearchResult, lineage_entry, tokens_a_call


@dataclass(frozen=True, slots=True)
class Challenger:
    """A candidate that may go to the gate.

    `variant` numbers it in the lineage, `origin` says what it is, `hypothesis` why it may help; without one it
    changes nothing.
    """

    variant: int
    candidate: Candidate
    origin: str
    hypothesis: str | None = None


class Race:
    """One race. Raises `InvalidInputError` when the budget does not carry its smallest form."""

    def __init__(self, context: SearchContext, challengers: Sequence[Challenger], pace: Pace) -> None:
        self._context = context
        self._pace = pace
        self._repeats = context.spec.repeats
        self._plan = self._affordable(challengers)
        self._alive = list(challengers[: self._plan.rungs[0].candidates])
        self._tried = len(self._alive)
        self._scores: dict[str, Evaluation] = {}
        self._problem = ""
        self._lineage: list[dict[str, Any]] = []

    async def run(self) -> SearchResult:
        """Climb the rungs as far as the budget carries; the best of the last one goes to the gate."""
        stop: str | None = None
        for number, rung in enumerate(self._plan.rungs):
            self._alive = self._alive[: rung.candidates]
            stop = await self._may_start(number, rung)
            if stop is None:
                result = await self._climb(number, rung)
                stop = result.stopped
                self._rank(number, result)
                self._tell(number, rung)
            if stop is not None:
                break
        if not self._alive:
            raise InvalidEvaluationError(f"No candidate can be scored: {self._problem}")
        found = self._found(stop or "completed")
        if found is None:
            raise InvalidInputError(
                "The budget ended before one candidate was scored; allow more calls, tokens or seconds"
            )
        return found

    def _affordable(self, challengers: Sequence[Challenger]) -> Plan:
        context, rows = self._context, len(self._context.validation)
        tokens = tokens_a_call([c.candidate for c in challengers], context.validation)
        found = plan(len(challengers), 1, rows, context.affordable_calls(tokens, tokens) // self._repeats)
        if found is None:
            gate, needed = context.ledger.gate_calls, smallest(1, rows) * self._repeats
            raise InvalidInputError(
                f"The budget is too small: the gate makes {gate} calls on the test rows and the smallest search "
                f"{needed}. Allow at least {gate + needed} calls, and the tokens for them"
            )
        return found

    def _work(self, rung: Rung) -> Work:
        candidates = [self._context.incumbent, *(challenger.candidate for challenger in self._alive)]
        return [(candidate, self._context.validation[: rung.rows]) for candidate in candidates]

    async def _may_start(self, number: int, rung: Rung) -> str | None:
        work = self._work(rung)
        calls = self._context.evaluator.cost(work, self._repeats)
        tokens = calls * tokens_a_call([candidate for candidate, _ in work], self._context.validation)
        return await self._context.may_start(f"rung-{number}", calls, tokens)

    async def _climb(self, number: int, rung: Rung) -> StepResult:
        context = self._context
        alive = [challenger.candidate.id for challenger in self._alive]
        commentary = Commentary(context, number, self._plan, self._pace, alive, self._scores)
        return await context.evaluator.evaluate(
            context.name(f"rung-{number}"),
            self._work(rung),
            required=[context.incumbent],
            stop=context.clock(),
            on_row=commentary.on_row,
            repeats=self._repeats,
        )

    def _rank(self, number: int, result: StepResult) -> None:
        """Order the challengers by this rung's scores, the earlier in the plan first among equals.

        A rung that the budget cut off counts as far as it scored the incumbent and a challenger on all of its rows.
        """
        scores = {key: each for key, each in result.evaluations.items() if each.valid}
        incumbent = self._context.incumbent.id
        scored = [c for c in self._alive if c.candidate.id in scores]
        if result.stopped is not None and (incumbent not in scores or not scored):
            return
        self._scores = scores
        self._note(number, 0, scores[incumbent], "incumbent")
        for challenger in self._alive:
            evaluation = result.evaluations[challenger.candidate.id]
            if evaluation.valid:
                self._note(number, challenger.variant, evaluation, challenger.origin)
            elif evaluation.failed:
                self._problem = evaluation.problem
                self._context.progress.log(f"candidate {challenger.variant} is out: {evaluation.problem}")
        self._alive = sorted(scored, key=lambda c: -self._mean(c))

    def _tell(self, number: int, rung: Rung) -> None:
        found = self._found("completed")
        if found is None:
            return
        context, leader = self._context, self.best
        context.improved(found)
        text = (
            f"round {number + 1} of {len(self._plan.rungs)}: candidate {leader.variant} leads with "
            f"{found.best.mean:.2f} on {rung.rows} validation rows, today's prompt has {found.incumbent.mean:.2f}"
        )
        extra = {"step": number + 1, "hypothesis": leader.hypothesis}
        context.tell(self._pace.share(context.ledger.search_calls_made()), text, **extra)
        context.progress.log(f"{text} ({leader.origin})", **extra)

    def _note(self, number: int, variant: int, evaluation: Evaluation, notes: str) -> None:
        rows = evaluation.wanted // self._repeats
        entry = lineage_entry(number, variant, evaluation.candidate, evaluation.mean, rows=rows, notes=notes)
        self._lineage.append(entry)

    def _mean(self, challenger: Challenger) -> float:
        return self._scores[challenger.candidate.id].mean

    @property
    def best(self) -> Challenger:
        """The leader: the best, then the shortest of the last rung."""
        return min(self._alive, key=lambda c: (-self._mean(c), c.candidate.tokens(), c.variant))

    def _found(self, finish_reason: str) -> SearchResult | None:
        """What the race has found so far; None before the first score."""
        if not any(challenger.candidate.id in self._scores for challenger in self._alive):
            return None
        best = self.best
        evaluation, incumbent = self._scores[best.candidate.id], self._scores[self._context.incumbent.id]
        return SearchResult(
            best=evaluation,
            incumbent=incumbent,
            origin=best.origin,
            tried=self._tried,
            finish_reason=finish_reason,
            lineage=list(self._lineage),
            edits=_edits(self._context.start, best, evaluation.mean - incumbent.mean),
        )


def _edits(start: Candidate, best: Challenger, delta: float) -> tuple[Edit, ...]:
    """The demonstrations as an edit of `start`: which rows are shown, and why these."""
    if best.hypothesis is None:
        return ()
    before = [f"- shows {shown.id}" for shown in start.demonstrations]
    after = [f"+ shows {shown.id}" for shown in best.candidate.demonstrations]
    rows = tuple(str(shown.id) for shown in best.candidate.demonstrations)
    return (Edit("\n".join([*before, *after]), best.hypothesis, rows, delta),)
