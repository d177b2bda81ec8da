"""The gate in a job: incumbent and challenger on the test rows, once, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.gate.decision import Decision, GateDecision, decide
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the challenger.

    `gate` compares the two on the rows named by `evaluated_on`: `test`, or `validation` when the test split was
    not needed (validation shows that the challenger is worse) or the budget ended before the test was through.
    `rows` holds ids and scores only.
    """

    decision: Decision
    explanation: str
    evaluated_on: Literal["test", "validation"]
    gate: GateDecision
    rows: list[dict[str, Any]]
    stopped: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The artifact's `promotionDecision`."""
        return {
            **self.gate.to_dict(),
            "promote": self.decision == "promoted",
            "decision": self.decision,
            "reason": self.explanation,
            "evaluatedOn": self.evaluated_on,
        }


async def hold(
    context: SearchContext, found: SearchResult, test: Sequence[Example], evaluator: Evaluator
) -> Verdict:
    """Compare incumbent and challenger on `test`.

    A challenger that validation shows to be worse is rejected without touching the test split. Raises
    `InvalidEvaluationError` when more than 2 % of the calls of either fail.
    """
    on_validation, rows = await _compare(context, found.incumbent, found.best, context.validation)
    if on_validation.decision == "rejected":
        low, high = on_validation.interval
        explanation = (
            f"rejected: {on_validation.delta:+.2f} on {on_validation.n} validation rows already, "
            f"{100 * on_validation.confidence:.3g} % interval {low:+.2f}..{high:+.2f}; the test rows were not used"
        )
        return Verdict("rejected", explanation, "validation", on_validation, rows)
    incumbent, best = context.incumbent, found.best.candidate
    result = await evaluator.evaluate(
        "gate",
        [(incumbent, test), (best, test)],
        required=(incumbent, best),
        purpose="gate",
        stop=context.ledger.gate_clock(context.journal.elapsed_seconds),
        on_row=lambda _candidate, _row, done, wanted: context.progress.tick(
            "validating", done / wanted, f"gate: {done} of {wanted} answers on {len(test)} test rows"
        ),
    )
    if result.stopped is not None:
        tried = sum(len(each.rows) for each in result.evaluations.values())
        explanation = (
            f"kept: the budget ended during the gate, after {tried} of {2 * len(test)} calls, so nothing is known of "
            "the test rows"
        )
        return Verdict("inconclusive", explanation, "validation", on_validation, rows, result.stopped)
    tested = result.evaluations
    gate, rows = await _compare(context, tested[incumbent.id], tested[best.id], test)
    return Verdict(gate.decision, gate.explanation, "test", gate, rows)


async def _compare(
    context: SearchContext, incumbent: Evaluation, challenger: Evaluation, examples: Sequence[Example]
) -> tuple[GateDecision, list[dict[str, Any]]]:
    """The decision over the rows that both answered, and those rows."""
    ours, theirs = _scores(incumbent), _scores(challenger)
    paired = [example for example in examples if example.id in ours and example.id in theirs]
    decision = await asyncio.to_thread(
        decide,
        [ours[example.id] for example in paired],
        [theirs[example.id] for example in paired],
        [example.group for example in paired],
        seed=context.spec.seed,
        confidence=context.spec.confidence,
    )
    rows = [{"id": e.id, "incumbent": ours[e.id], "candidate": theirs[e.id]} for e in paired]
    return decision, rows


def _scores(evaluation: Evaluation) -> Mapping[str, float]:
    return {row.example: row.score for row in evaluation.rows if row.score is not None}
