"""What a metric takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An answer of a model, expected or given: its text and its tool calls.

    Tool calls may be in OpenAI's form (`{function: {name, arguments: "<json>"}}`) or flat
    (`{name|toolName, arguments|args|input}`).
    """

    text: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Score:
    """How good an answer is.

    `value` is 0..1. `feedback` says in words what was expected and what was got; it quotes the answers, so it
    belongs in a job's folder, not in a log. `parsed` is false when the given answer could not be understood.
    """

    value: float
    feedback: str
    parsed: bool = True


Metric = Callable[[Answer, Answer], Score]
"""`metric(expected, given)`. Pure and deterministic; never raises, whatever the answers hold."""
