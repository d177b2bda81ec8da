"""What every engine is given: rows and a metric, and the models behind them; scripted worlds and real tasks alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Score (0..1) of a reply and what a reviewer says about it."""

    score: float
    feedback: str


class Task(Protocol):
    """Rows in three splits (each has `id`, `text` and `label`), the prompt to start from, and the metric."""

    @property
    def rows(self) -> Mapping[str, Any]:
        """All rows by id."""

    @property
    def train(self) -> Sequence[Any]: ...
    @property
    def validation(self) -> Sequence[Any]: ...
    @property
    def test(self) -> Sequence[Any]: ...
    @property
    def seed_prompt(self) -> str: ...

    def judge(self, row: Any, reply: str) -> Judgement:
        """The metric."""

    def reply(self, row: Any) -> str:
        """The right reply."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`latency`: seconds per answer. `rough`: 5 % of the answers take ten times that, 2 % are refused once with a 429
    that asks for 0.1 s of patience."""

    latency: float = 0.0
    width: int = 16
    rough: bool = False


class Models(Protocol):
    """The task model and the reflection model behind counters; may be used from several threads."""

    pace: Pace
    calls: int

    def answer(self, messages: Messages) -> str:
        """The task model's answer."""

    async def answer_async(self, messages: Messages) -> str:
        """The task model's answer."""

    def write(self, messages: Messages) -> str:
        """The reflection model's answer."""

    async def write_async(self, messages: Messages) -> str:
        """The reflection model's answer."""
