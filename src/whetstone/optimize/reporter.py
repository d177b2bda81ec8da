"""How an optimization tells the world where it is."""

from __future__ import annotations

import time
from typing import Any, Protocol

# Share of the whole job after which each phase ends; the phases are those of the job's `phase` field.
PHASES: dict[str, tuple[float, float]] = {
    "loading_data": (0.0, 0.05),
    "bootstrapping": (0.05, 0.15),
    "searching": (0.15, 0.75),
    "validating": (0.75, 0.95),
    "finalizing": (0.95, 1.0),
}

TICK_SECONDS = 1.0


class Reporter(Protocol):
    """Receiver of progress; a job's worker turns it into events, the command line into a bar."""

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        """The job is at `fraction` (0..1, never falling), in `phase`; `message` is for a person."""

    def log(self, message: str) -> None:
        """One line for the job's log."""


class Progress:
    """Turns progress inside a phase into progress of the job, and never lets it fall."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._fraction = 0.0
        self._told = float("-inf")

    def at(self, phase: str, share: float, message: str) -> None:
        """`share` (0..1) of `phase` is done."""
        low, high = PHASES[phase]
        self._fraction = max(self._fraction, low + (high - low) * min(max(share, 0.0), 1.0))
        self._told = time.monotonic()
        self._reporter.progress(round(self._fraction, 4), phase, message)

    def tick(self, phase: str, share: float, message: str) -> None:
        """Like `at`, for news that come many a second: told at most once in `TICK_SECONDS`."""
        if time.monotonic() - self._told >= TICK_SECONDS:
            self.at(phase, share, message)

    def log(self, message: str) -> None:
        """One line for the job's log."""
        self._reporter.log(message)
