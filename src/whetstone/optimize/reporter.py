"""How an optimization, or a training, tells the world where it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

# Where each phase of an optimization begins and ends in the whole job; they are the values of the job's `phase`.
PHASES: Mapping[str, tuple[float, float]] = {
    "loading_data": (0.0, 0.05),
    "bootstrapping": (0.05, 0.15),
    "searching": (0.15, 0.75),
    "validating": (0.75, 0.95),
    "finalizing": (0.95, 1.0),
}

TICK_SECONDS = 1.0
_ETA_FROM = 0.2


class Reporter(Protocol):
    """Receiver of progress; a job's worker turns it into events, the command line into a bar."""

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        """The job is at `fraction` (0..1, never falling), in `phase`; `message` is for a person."""

    def log(self, message: str, **extra: Any) -> None:
        """One line for the job's log; `extra` goes into its event."""


class Progress:
    """Turns progress inside a phase (of `phases`) into progress of the job, and never lets it fall."""

    def __init__(self, reporter: Reporter, phases: Mapping[str, tuple[float, float]] = PHASES) -> None:
        self._reporter = reporter
        self._phases = phases
        self._fraction = 0.0
        self._told = float("-inf")
        self._started = time.monotonic()

    def at(self, phase: str, share: float, message: str, **extra: Any) -> None:
        """`share` (0..1) of `phase` is done; `extra` goes into the event."""
        low, high = self._phases[phase]
        self._fraction = max(self._fraction, low + (high - low) * min(max(share, 0.0), 1.0))
        self._told = time.monotonic()
        if (eta := self._eta()) is not None:
            extra.setdefault("etaSeconds", eta)
        self._reporter.progress(round(self._fraction, 4), phase, message, **extra)

    @property
    def due(self) -> bool:
        """Whether `tick` would tell anything now."""
        return time.monotonic() - self._told >= TICK_SECONDS

    def tick(self, phase: str, share: float, message: str, **extra: Any) -> None:
        """Like `at`, for news that come many a second: told at most once in `TICK_SECONDS`."""
        if self.due:
            self.at(phase, share, message, **extra)

    def log(self, message: str, **extra: Any) -> None:
        """One line for the job's log; `extra` goes into its event."""
        self._reporter.log(message, **extra)

    def _eta(self) -> int | None:
        """Seconds to the end of the job at the pace so far; None while that says nothing."""
        if self._fraction < _ETA_FROM:
            return None
        return round((time.monotonic() - self._started) * (1 - self._fraction) / self._fraction)
