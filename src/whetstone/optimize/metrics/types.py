"""What a metric takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whetstone.errors import WhetstoneError


@dataclass(frozen=True)
class Answer:
    """An answer of a model, expected or given: its text and its tool calls.

    Tool calls may be in OpenAI's form (`{function: {name, arguments: "<json>"}}`) or flat
    (`{name|toolName, arguments|args|input}`). An expected call may carry `acceptedArguments`, the values that
    are right for each of its arguments.
    """

    text: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Score:
    """How good an answer is.

    `value` is 0..1. `feedback` says in words what was expected and what was got; it quotes the answers, so it
    belongs in a job's folder, not in a log. `parsed` is false when the given answer could not be understood.
    `objectives` are further qualities by name, 0..1, higher is better, such as whether a schema is kept.
    """

    value: float
    feedback: str
    parsed: bool = True
    objectives: Mapping[str, float] = field(default_factory=dict)


Metric = Callable[..., Score]
"""`metric(expected: Answer, given: Answer)`, with a keyword `example: Example | None` where it wants the row.

Deterministic. The built-in ones never raise, whatever the answers hold.
"""

UserMetric = Callable[..., Any]
"""A metric of a user's own: called in the same way, it may give whatever `coercion.as_score` reads."""


class MetricError(WhetstoneError):
    """A metric failed on a row, or gave something that is no score. The row has no score then, not a low one."""

    def __init__(self, metric: str, message: str) -> None:
        super().__init__(f"The metric {metric} failed: {message}")
        self.metric = metric
