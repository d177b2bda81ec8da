"""Results of scoring: a row, a candidate on some rows, and when they are no score at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from whetstone.errors import WhetstoneError
from whetstone.optimize.engine.program import Candidate

MAX_ERROR_RATE = 0.02
"""An evaluation of which more calls failed is invalid: never a low score, no score."""

SOLVED = 0.999
"""An answer with this score or more is right; metrics may round."""
PERFECT = 1 - 1e-9
"""A mean with which nothing is left to gain."""


class InvalidEvaluationError(WhetstoneError):
    """Too many calls of an evaluation failed for its score to mean anything."""

    status = 503


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row under one candidate; `score` (0..1) is None when the call failed, and `error` says how.

    `repeat` numbers the answers to the same question from 0. `objectives` are the metric's secondary ones, 0..1.
    """

    example: str
    score: float | None
    feedback: str = ""
    answer: str = ""
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    cached: bool = False
    repeat: int = 0
    objectives: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the call gave no answer that could be scored."""
        return self.score is None

    def to_dict(self) -> dict[str, Any]:
        """JSON form for the journal: what differs from the defaults."""
        found = {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name)}
        return {"example": self.example, "score": self.score, **found}


_OPTIONAL = tuple(each.name for each in fields(RowResult) if each.name not in ("example", "score"))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A candidate's results on some rows, in their order. `wanted` counts the answers that were asked for."""

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
        """Mean score of the answers; 0 without any."""
        scores = [row.score for row in self.rows if row.score is not None]
        return sum(scores) / len(scores) if scores else 0.0

    def by_example(self) -> dict[str, float]:
        """Score of each row that was answered, by its id: the mean over its repeats."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            if row.score is not None:
                found.setdefault(row.example, []).append(row.score)
        return {example: sum(scores) / len(scores) for example, scores in found.items()}

    def objectives(self) -> dict[str, float]:
        """Mean of each secondary objective over the answers that have it."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            for name, value in row.objectives.items():
                found.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in sorted(found.items())}

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
