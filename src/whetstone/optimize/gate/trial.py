"""The gate in a job: incumbent and challenger on the test rows, once, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, Self

from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.gate.decision import Decision, GateDecision, decide
from whetstone.optimize.gate.power import Foresight, foresee
from whetstone.optimize.gate.wording import counted
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example


@dataclass(frozen=True, slots=True)
class Terms:
    """How a job is judged: `equivalence_margin` None means that only a better prompt is promoted."""

    seed: int = 0
    confidence: float = 0.95
    equivalence_margin: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What the validation rows showed, on which the challenger was chosen: an optimistic figure, never the promise."""

    rows: int
    incumbent: float
    candidate: float

    @classmethod
    def of(cls, found: SearchResult) -> Self:
        """What a search's result says of them."""
        return cls(len(found.best.by_example()), found.incumbent.mean, found.best.mean)

    def to_dict(self) -> dict[str, Any]:
        """The artifact's `validation`, and the job result's."""
        return {
            "rows": self.rows,
            "incumbent": self.incumbent,
            "candidate": self.candidate,
            "selectedOn": True,
            "note": "optimistic: the candidate was chosen for its score on these rows",
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the challenger.

    `gate` compares the two on the rows named by `evaluated_on`: `test`, or `validation` when the test split was
    not needed (the search found nothing else, or validation shows that the challenger is worse) or the budget ended
    before the test was through. `rows` holds ids and scores only. `validation` is what the challenger was chosen
    by, `foresight` what these test rows can find.
    """

    decision: Decision
    explanation: str
    evaluated_on: Literal["test", "validation"]
    gate: GateDecision
    rows: list[dict[str, Any]]
    validation: Selection
    foresight: Foresight
    stopped: str | None = None

    @property
    def promote(self) -> bool:
        """Whether the challenger replaces the incumbent; only the test rows can say so."""
        return self.evaluated_on == "test" and self.gate.promote

    @property
    def score(self) -> float | None:
        """The score to expect of the challenger: its mean on the test rows, None when they were not used."""
        return self.gate.candidate_mean if self.evaluated_on == "test" else None

    @property
    def baseline_score(self) -> float | None:
        """The incumbent's mean on the test rows, None when they were not used."""
        return self.gate.incumbent_mean if self.evaluated_on == "test" else None

    def to_dict(self) -> dict[str, Any]:
        """The artifact's `promotionDecision`; `optimistic` marks scores of the rows that chose the candidate."""
        return {
            **self.gate.to_dict(),
            "promote": self.promote,
            "decision": self.decision,
            "reason": self.explanation,
            "evaluatedOn": self.evaluated_on,
            "optimistic": self.evaluated_on == "validation",
            "validation": self.validation.to_dict(),
            "foresight": self.foresight.to_dict(),
        }


async def hold(
    context: SearchContext, found: SearchResult, test: Sequence[Example], evaluator: Evaluator
) -> Verdict:
    """Compare incumbent and challenger on `test`, each row (and repeat) asked once of both in one gather.

    A challenger that is the incumbent itself, or that validation shows to be worse, is rejected without touching the
    test split. Raises `InvalidEvaluationError` when more than 2 % of the calls of either fail.
    """
    spec = context.spec
    terms = Terms(spec.seed, spec.confidence, spec.equivalence_margin)
    settled = await asyncio.to_thread(without_test, terms, found, context.validation, test)
    if settled is not None:
        return settled
    pair = (found.incumbent.candidate, found.best.candidate)
    result = await evaluator.evaluate(
        "gate",
        [(candidate, test) for candidate in pair],
        required=pair,
        purpose="gate",
        stop=context.ledger.gate_clock(context.journal.elapsed_seconds),
        on_row=lambda _candidate, _row, done, wanted: context.progress.tick(
            "validating", done / wanted, f"gate: {done} of {wanted} answers on {len(test)} test rows"
        ),
        repeats=spec.repeats,
    )
    tested = result.evaluations
    if result.stopped is not None:
        tried = sum(len(each.rows) for each in tested.values())
        why = (
            f"kept: the budget ended during the gate, after {tried} of {2 * len(test) * spec.repeats} calls, so nothing "
            "is known of the test rows"
        )
        return await asyncio.to_thread(
            _untested, "inconclusive", why, terms, found, context.validation, test, result.stopped
        )
    return await asyncio.to_thread(on_test, terms, found, test, tested)


def without_test(
    terms: Terms, found: SearchResult, validation: Sequence[Example], test: Sequence[Example]
) -> Verdict | None:
    """The verdict where no test row is needed for it."""
    if found.best.candidate.id == found.incumbent.candidate.id:
        why = "kept: nothing better than today's prompt was found; the test rows were not used"
        return _untested("rejected", why, terms, found, validation, test)
    gate, _ = _compare(terms, found.incumbent, found.best, validation)
    if gate.decision != "rejected":
        return None
    low, high = gate.interval
    why = (
        f"rejected: {gate.delta:+.2f} on {counted(gate.n, gate.groups, 'validation')} already, "
        f"{100 * gate.confidence:.3g} % interval {low:+.2f}..{high:+.2f}; the test rows were not used"
    )
    return _untested("rejected", why, terms, found, validation, test)


def on_test(
    terms: Terms, found: SearchResult, test: Sequence[Example], tested: Mapping[str, Evaluation]
) -> Verdict:
    """The verdict over the test rows; `tested` holds both prompts' evaluations by candidate id."""
    incumbent, best = (tested[each.candidate.id] for each in (found.incumbent, found.best))
    gate, rows = _compare(terms, incumbent, best, test)
    gain = found.best.mean - found.incumbent.mean
    explanation = (
        f"{gate.explanation}. Validation, by which the candidate was chosen, had shown {gain + 0.0:+.2f}, which is "
        "optimistic"
    )
    return Verdict(
        gate.decision, explanation, "test", gate, rows, Selection.of(found), _foresight(terms, found, test)
    )


def _untested(
    decision: Decision,
    explanation: str,
    terms: Terms,
    found: SearchResult,
    validation: Sequence[Example],
    test: Sequence[Example],
    stopped: str | None = None,
) -> Verdict:
    """A verdict whose only evidence is the validation rows."""
    gate, rows = _compare(terms, found.incumbent, found.best, validation)
    foresight = _foresight(terms, found, test)
    return Verdict(
        decision, explanation, "validation", gate, rows, Selection.of(found), foresight, stopped=stopped
    )


def _foresight(terms: Terms, found: SearchResult, test: Sequence[Example]) -> Foresight:
    scores = list(found.incumbent.by_example().values())
    return foresee([example.group for example in test], terms.confidence, scores=scores)


def _compare(
    terms: Terms, incumbent: Evaluation, challenger: Evaluation, examples: Sequence[Example]
) -> tuple[GateDecision, list[dict[str, Any]]]:
    """The decision over the rows that both answered, and those rows."""
    paired = _paired_scores(incumbent, challenger)
    judged = [example for example in examples if example.id in paired]
    decision = decide(
        [paired[example.id][0] for example in judged],
        [paired[example.id][1] for example in judged],
        [example.group for example in judged],
        seed=terms.seed,
        confidence=terms.confidence,
        tokens=(incumbent.candidate.tokens(), challenger.candidate.tokens()),
        equivalence_margin=terms.equivalence_margin,
    )
    rows = [{"id": e.id, "incumbent": paired[e.id][0], "candidate": paired[e.id][1]} for e in judged]
    return decision, rows


def _paired_scores(incumbent: Evaluation, challenger: Evaluation) -> dict[str, tuple[float, float]]:
    """Both scores of each row: means over the repeats that both answered."""
    ours, theirs = _scores(incumbent), _scores(challenger)
    repeats: dict[str, list[tuple[float, float]]] = {}
    for key, score in ours.items():
        if key in theirs:
            repeats.setdefault(key[0], []).append((score, theirs[key]))
    return {
        example: (fmean(old for old, _ in pairs), fmean(new for _, new in pairs))
        for example, pairs in repeats.items()
    }


def _scores(evaluation: Evaluation) -> dict[tuple[str, int], float]:
    return {(row.example, row.repeat): row.score for row in evaluation.rows if row.score is not None}
