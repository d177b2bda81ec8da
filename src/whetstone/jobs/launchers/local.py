"""Workers as processes of this machine, each the leader of its own session and process group.

They are no children in the usual sense: they outlive this server, and after a restart another process watches
them. So nothing here depends on parenthood; the exit status is a bonus for whoever happens to be the parent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import UnavailableError
from whetstone.jobs.jobfile import JobFolder
from whetstone.jobs.launchers.base import Exit
from whetstone.jobs.launchers.environment import worker_environment
from whetstone.processes import ProcessIdentity
from whetstone.settings import Settings


class LocalWorker:
    """A worker process, told from any later process with the same pid."""

    def __init__(self, identity: ProcessIdentity) -> None:
        self._identity = identity
        self._exit: Exit | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        """`{pid, startTime, bootId}`."""
        return self._identity.to_dict()

    async def poll(self) -> Exit | None:
        """How it ended, or None while it runs; reaps it if it is our child."""
        if self._exit is None:
            self._exit = self._look()
        return self._exit

    def _look(self) -> Exit | None:
        if not self._identity.exists():
            return Exit()
        try:
            pid, status = os.waitpid(self._identity.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else's child
            return None if self._identity.is_alive() else Exit()
        return Exit.of_status(os.waitstatus_to_exitcode(status)) if pid else None

    async def terminate(self) -> None:
        """SIGTERM to the process group."""
        self._signal_group(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL to whatever is left of the process group."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        if not self._identity.may_own_group():
            return
        try:
            os.killpg(self._identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left; macOS says EPERM when only zombies are


class LocalLauncher:
    """Starts workers with the interpreter of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def launch(self, job_dir: Path, environment: Mapping[str, str]) -> LocalWorker:
        """Start the worker of `job_dir`. Raises `UnavailableError` when the system has no room for a process."""
        try:
            pid = await asyncio.to_thread(self._spawn, job_dir, environment)
        except OSError as error:
            raise UnavailableError(f"The worker process could not be started: {error.strerror}") from error
        identity = ProcessIdentity.of(pid)
        if identity is None:  # impossible before somebody waits for it
            raise UnavailableError("The worker process vanished at its start")
        return LocalWorker(identity)

    def _spawn(self, job_dir: Path, environment: Mapping[str, str]) -> int:
        output = str(JobFolder(job_dir).output)
        # Not asyncio's subprocess: closing its transport, as a server's shutdown does, kills the process.
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "whetstone.jobs.worker", str(job_dir)],
            {**worker_environment(self._settings), **environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE],
        )

    def attach(self, job_dir: Path, identity: Mapping[str, Any] | None) -> LocalWorker | None:
        """The living worker of `job_dir` if there is one, else the last one that is known."""
        known = ProcessIdentity.parse(identity or {})
        # A server that was killed between starting a worker and writing it down knows nothing of it.
        reported = _reported(JobFolder(job_dir).worker)
        candidates = [identity for identity in (known, reported) if identity is not None]
        living = [identity for identity in candidates if identity.is_alive()]
        return LocalWorker((living or candidates)[0]) if candidates else None


def _reported(path: Path) -> ProcessIdentity | None:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return ProcessIdentity.parse(content) if isinstance(content, dict) else None
