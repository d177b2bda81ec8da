"""What one stage of a composed search sees of the job: a part of its progress, and its reflection model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.proposals import Proposer, UnusableReflectionError
from whetstone.optimize.reporter import Progress


class UnusableProposer(Proposer):
    """The reflection model of a stage that a run gave up for want of answers, when that run is resumed.

    Whatever the model would say now, the resumed run must end like the first attempt.
    """

    def __init__(self, known: Proposer, journal: Journal, reason: str) -> None:
        self._known = known
        self._journal = journal
        self._reason = reason

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._known.model

    async def ask(self, step: str, requests: Sequence[ChatRequest]) -> list[str | None]:
        """The recorded answers of `step`; raises `UnusableReflectionError` without any."""
        if self._journal.recorded(step) is None:
            raise UnusableReflectionError(self._reason)
        return await self._known.ask(step, requests)


class StageProgress(Progress):
    """Progress of one stage as a part (from `low` to `high`) of the search of the whole job."""

    def __init__(self, whole: Progress, low: float, high: float) -> None:
        self._whole = whole
        self._low = low
        self._high = high

    def at(self, phase: str, share: float, message: str, **extra: Any) -> None:
        """`share` of `phase` is done in this stage."""
        if phase == "bootstrapping":
            if self._low == 0:
                self._whole.at(phase, share, message, **extra)
                return
            share = 0.0  # a later stage looks for examples: the job's search goes on
        part = self._low + (self._high - self._low) * min(max(share, 0.0), 1.0)
        self._whole.at("searching", part, message, **extra)

    @property
    def due(self) -> bool:
        """Whether `tick` would tell anything now."""
        return self._whole.due

    def log(self, message: str, **extra: Any) -> None:
        """One line for the job's log."""
        self._whole.log(message, **extra)
