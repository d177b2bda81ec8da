"""A race of challengers on the validation rows, by the plan of successive halving.

The references (the incumbent, the bare prompt) run beside the challengers on every rung, so that scores are
always compared on the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import Evaluation, InvalidEvaluationError, StepResult
from whetstone.optimize.engine.evaluator import Work
from whetstone.optimize.engine.program import Candidate, estimate_tokens
from whetstone.optimize.fewshot.commentary import Commentary
from whetstone.optimize.fewshot.halving import MIN_ROWS, Plan, Rung, plan
from whetstone.optimize.optimizer import SearchContext, SearchResult

_TOKENS_BESIDE_TEXT = 8


@dataclass(frozen=True, slots=True)
class Challenger:
    """A candidate that may go to the gate; `variant` numbers it in the lineage, `origin` says what it is."""

    variant: int
    candidate: Candidate
    origin: str


class Race:
    """One race. Raises `InvalidInputError` when the budget does not carry its smallest form."""

    def __init__(self, context: SearchContext, challengers: Sequence[Challenger]) -> None:
        self._context = context
        references = {context.incumbent.id: context.incumbent, context.baseline.id: context.baseline}
        self._references = list(references.values())
        self._plan = self._affordable(challengers)
        self._alive = list(challengers[: self._plan.rungs[0].candidates])
        self._tried = len(self._alive)
        self._scores: dict[str, Evaluation] = {}
        self._calls_before = context.ledger.search.calls
        self._problem = ""
        self._lineage: list[dict[str, Any]] = []

    async def run(self) -> SearchResult:
        """Climb the rungs as far as the budget carries; the best of the last whole rung goes to the gate."""
        stop: str | None = None
        for number, rung in enumerate(self._plan.rungs):
            self._alive = self._alive[: rung.candidates]
            stop = await self._may_start(number, rung)
            if stop is None:
                result = await self._climb(number, rung)
                stop = result.stopped
                if stop is None or not self._scores:
                    self._rank(number, rung, result)
            if stop is not None:
                break
        return self._finish(stop)

    def _affordable(self, challengers: Sequence[Challenger]) -> Plan:
        context = self._context
        rows = len(context.validation)
        limit = context.ledger.affordable_calls(self._tokens_a_call([c.candidate for c in challengers]))
        found = plan(len(challengers), len(self._references), rows, limit)
        if found is None:
            gate, needed = context.ledger.gate_calls, (1 + len(self._references)) * min(rows, MIN_ROWS)
            raise InvalidInputError(
                f"The budget is too small: the gate makes {gate} calls on the test rows and the smallest search "
                f"{needed}. Allow at least {gate + needed} calls, and the tokens for them"
            )
        return found

    def _tokens_a_call(self, candidates: Sequence[Candidate]) -> float:
        """Estimated tokens of one call under the longest of `candidates`, the answer as long as the right one."""
        rows = self._context.validation
        own = [
            estimate_tokens([*row.messages, {"role": "assistant", "content": row.expected_text}])
            for row in rows
        ]
        return sum(own) / len(rows) + max(c.tokens() for c in candidates) + _TOKENS_BESIDE_TEXT

    def _work(self, rung: Rung) -> Work:
        candidates = [*self._references, *(challenger.candidate for challenger in self._alive)]
        return [(candidate, self._context.validation[: rung.rows]) for candidate in candidates]

    async def _may_start(self, number: int, rung: Rung) -> str | None:
        """Why the budget forbids the rung. Kept in the journal: a resumed run meets another clock."""
        context = self._context

        async def decide() -> dict[str, str | None]:
            work = self._work(rung)
            calls = sum(1 for _ in context.evaluator.pending(work))
            tokens = calls * self._tokens_a_call([candidate for candidate, _ in work])
            return {"stop": context.ledger.why_not(calls, tokens, context.journal.elapsed_seconds())}

        decision = await context.journal.step(f"rung-{number}/budget", "budget", decide)
        stop: str | None = decision["stop"]
        return stop

    async def _climb(self, number: int, rung: Rung) -> StepResult:
        context = self._context
        alive = [challenger.candidate.id for challenger in self._alive]
        commentary = Commentary(context.progress, number, self._plan, self._calls(), alive, self._scores)
        return await context.evaluator.evaluate(
            f"rung-{number}",
            self._work(rung),
            required=self._references,
            stop=context.ledger.search_clock(context.journal.elapsed_seconds),
            on_row=commentary.on_row,
        )

    def _rank(self, number: int, rung: Rung, result: StepResult) -> None:
        """Order the challengers by this rung's scores, the earlier in the plan first among equals."""
        scores = {key: each for key, each in result.evaluations.items() if each.valid}
        if any(reference.id not in scores for reference in self._references):
            return  # the budget ended before there was anything to compare with
        self._scores = scores
        for reference in self._references:
            is_incumbent = reference.id == self._context.incumbent.id
            name = "incumbent" if is_incumbent else "prompt without demonstrations"
            self._note(number, 0, scores[reference.id], name)
        for challenger in self._alive:
            evaluation = result.evaluations[challenger.candidate.id]
            if evaluation.valid:
                self._note(number, challenger.variant, evaluation, challenger.origin)
            elif evaluation.failed:
                self._problem = evaluation.problem
                self._context.progress.log(f"candidate {challenger.variant} is out: {evaluation.problem}")
        self._alive = sorted(
            (c for c in self._alive if c.candidate.id in scores), key=lambda c: -scores[c.candidate.id].mean
        )
        if self._alive:
            self._tell(number, rung, self._alive[0])

    def _tell(self, number: int, rung: Rung, leader: Challenger) -> None:
        total, incumbent = len(self._plan.rungs), self._scores[self._context.incumbent.id].mean
        text = (
            f"round {number + 1} of {total}: candidate {leader.variant} leads with {self._mean(leader):.2f} on "
            f"{rung.rows} validation rows, today's prompt has {incumbent:.2f}"
        )
        self._context.progress.at("searching", self._calls() / self._plan.calls, text)
        self._context.progress.log(f"{text} ({leader.origin})")

    def _note(self, number: int, variant: int, evaluation: Evaluation, notes: str) -> None:
        self._lineage.append(
            {
                "round": number,
                "variant": variant,
                "score": evaluation.mean,
                "notes": notes,
                "rows": evaluation.wanted,
                "candidate": evaluation.candidate.id[:16],
            }
        )

    def _calls(self) -> int:
        """Calls of this race so far."""
        return self._context.ledger.search.calls - self._calls_before

    def _mean(self, challenger: Challenger) -> float:
        return self._scores[challenger.candidate.id].mean

    def _finish(self, stop: str | None) -> SearchResult:
        if not self._alive:
            raise InvalidEvaluationError(f"No candidate can be scored: {self._problem}")
        if not any(challenger.candidate.id in self._scores for challenger in self._alive):
            raise InvalidInputError(
                "The budget ended before one candidate was scored; allow more calls, tokens or seconds"
            )
        best = min(self._alive, key=lambda c: (-self._mean(c), c.candidate.tokens(), c.variant))
        return SearchResult(
            best=self._scores[best.candidate.id],
            incumbent=self._scores[self._context.incumbent.id],
            origin=best.origin,
            tried=self._tried,
            finish_reason=stop or "completed",
            lineage=self._lineage,
        )
