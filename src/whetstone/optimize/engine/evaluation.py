"""Results of scoring: a row, a candidate on some rows, and when they are no score at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from whetstone.errors import WhetstoneError
from whetstone.optimize.engine.program import Candidate

MAX_ERROR_RATE = 0.02
"""An evaluation of which more calls failed is invalid: never a low score, no score."""


class InvalidEvaluationError(WhetstoneError):
    """Too many calls of an evaluation failed for its score to mean anything."""

    status = 503


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row under one candidate; `score` (0..1) is None when the call failed, and `error` says how."""

    example: str
    score: float | None
    feedback: str = ""
    answer: str = ""
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    cached: bool = False

    @property
    def failed(self) -> bool:
        """Whether the call gave no answer."""
        return self.score is None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A candidate's results on some rows, in their order. `wanted` counts the rows that were asked for."""

    candidate: Candidate
    rows: tuple[RowResult, ...]
    wanted: int

    @property
    def complete(self) -> bool:
        """Whether every row was tried."""
        return len(self.rows) == self.wanted

    @property
    def failed(self) -> int:
        return sum(row.failed for row in self.rows)

    @property
    def valid(self) -> bool:
        """Whether enough calls succeeded for `mean` to count."""
        return self.complete and self.failed <= MAX_ERROR_RATE * self.wanted

    @property
    def mean(self) -> float:
        """Mean score of the rows that were answered."""
        scores = [row.score for row in self.rows if row.score is not None]
        return sum(scores) / len(scores) if scores else 0.0

    def require_valid(self, what: str) -> None:
        """Raise `InvalidEvaluationError` naming `what` and the commonest errors, unless valid."""
        if not self.valid:
            raise InvalidEvaluationError(f"{what} cannot be scored: {self.problem}")

    @property
    def problem(self) -> str:
        """Why the evaluation is invalid, in words."""
        return why_invalid(self.rows, self.wanted)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The evaluations of a step, by candidate id; `stopped` says why it ended early, if it did."""

    evaluations: dict[str, Evaluation]
    stopped: str | None


def why_invalid(rows: Sequence[RowResult], wanted: int) -> str:
    """How many of the calls failed and how, in words."""
    errors = Counter(row.error for row in rows if row.error)
    failed = sum(errors.values())
    if not failed:
        return f"only {len(rows)} of {wanted} calls were made before the budget ended"
    commonest = "; ".join(f"{count} x {error}" for error, count in errors.most_common(2))
    return f"{failed} of {len(rows)} calls failed (at most {MAX_ERROR_RATE:.0%} may): {commonest}"
