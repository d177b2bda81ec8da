"""What the job service needs of a place where workers run, whatever that place is."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended. All None when nobody can know (another process was its parent).

    `reason` is a clause for people, where the place that ran the worker knows more than an exit status says.
    """

    code: int | None = None
    signal: str | None = None
    reason: str | None = None

    @classmethod
    def of_status(cls, status: int) -> Self:
        """From an exit status as `subprocess` gives it: the number of a signal is negative."""
        if status >= 0:
            return cls(code=status)
        try:
            return cls(signal=signal.Signals(-status).name)
        except ValueError:
            return cls(signal=f"signal {-status}")


class Worker(Protocol):
    """One attempt at a job, running or ended."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON that names this attempt for ever; `Launcher.attach` finds it again after a restart."""

    async def poll(self) -> Exit | None:
        """How it ended, or None while it runs."""

    async def terminate(self) -> None:
        """Ask it and everything it started to end."""

    async def kill(self) -> None:
        """End it and everything it started; harmless when nothing is left."""


class Launcher(Protocol):
    """Starts `python -m whetstone.jobs.worker <job dir>` somewhere that sees the job's folder."""

    async def launch(self, job_dir: Path, environment: Mapping[str, str]) -> Worker:
        """Start the worker on the order in `job_dir/job.json`; it goes on when this process ends.

        `environment` is added to the variables that every worker gets. Raises `UnavailableError` when it cannot be
        started.
        """

    def attach(self, job_dir: Path, identity: Mapping[str, Any] | None) -> Worker | None:
        """The worker that is alive in `job_dir`, or the last one that was; None when none is known.

        `identity` is what the server wrote down about it, if it came to that. `poll` of an ended one says so at
        once.
        """
