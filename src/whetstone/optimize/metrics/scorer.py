"""Scorers: what the evaluator asks, be it a pure metric or a judging model."""

from __future__ import annotations

import asyncio
import inspect
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from whetstone.datasets.expected import answer_text
from whetstone.optimize.metrics.coercion import as_score
from whetstone.optimize.metrics.parsing import quote
from whetstone.optimize.metrics.types import Answer, MetricError, Score, UserMetric

if TYPE_CHECKING:  # rows are built of answers, so at run time they import this package
    from whetstone.optimize.rows.examples import Example

__all__ = ["MetricError", "MetricScorer", "Scorer", "takes_example"]

_SLOW_SECONDS = 0.02


class Scorer(Protocol):
    """Scores a given answer to a row.

    Raises `MetricError` where the metric fails and `LMError` where a judging model does: such a row has no score.
    `BudgetExhausted` passes through.
    """

    @property
    def name(self) -> str:
        """The metric's name, for the record."""
        ...

    async def score(self, example: Example, given: Answer) -> Score:
        """How good `given` is as the answer to `example`."""
        ...


class MetricScorer:
    """A scorer of a metric function, the user's own included.

    Whatever the function raises becomes a `MetricError`; what it gives is checked (see `as_score`). Once it has
    taken over 20 ms, it is called on threads, several at a time, so that it holds up neither calls nor a cancel.
    """

    def __init__(self, name: str, metric: UserMetric) -> None:
        self.name = name
        self._metric = metric
        self._takes_example = takes_example(metric)
        self._slow = False

    async def score(self, example: Example, given: Answer) -> Score:
        """The metric's score of `given`; raises `MetricError`."""
        if self._slow:
            return await asyncio.to_thread(self.score_now, example, given)
        started = time.perf_counter()
        try:
            return self.score_now(example, given)
        finally:
            self._slow = time.perf_counter() - started > _SLOW_SECONDS

    def score_now(self, example: Example, given: Answer) -> Score:
        """The same, without an event loop."""
        extra: dict[str, Any] = {"example": example} if self._takes_example else {}
        try:
            result = self._metric(example.expected, given, **extra)
        except (Exception, SystemExit) as error:
            raise MetricError(self.name, f"{type(error).__name__}: {error}") from error
        score = as_score(self.name, result)
        return score if score.feedback else replace(score, feedback=_plain_feedback(score, example, given))


def _plain_feedback(score: Score, example: Example, given: Answer) -> str:
    """Words for a metric that has none."""
    got = quote(answer_text(given.text, given.tool_calls))
    return f"Scored {score.value:.2f}. Expected {quote(example.expected_text)}, got {got}."


def takes_example(metric: UserMetric) -> bool:
    """Whether a metric has a parameter `example`, or takes any keyword."""
    try:
        parameters = inspect.signature(metric).parameters
    except (TypeError, ValueError):  # some functions written in C
        return False
    return "example" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
