"""Workers as submissions to a Ray cluster (https://docs.ray.io/en/latest/cluster/running-applications/job-submission/).

The job's folder lies on storage that the server and all nodes share, at one path. All that is said between server and
worker goes through it, as on one machine; Ray starts the worker, ends it, and knows how it ended. A file `ray.json`
there names the one submission that may work: it is written before the submission is made, so a server that was
killed meanwhile finds it again, and a submission that comes late out of Ray's queue sees that it is not wanted.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import structlog

from whetstone import files
from whetstone.errors import UnavailableError
from whetstone.jobs.jobfile import JobFile, JobFolder
from whetstone.jobs.launchers.base import Exit
from whetstone.jobs.launchers.environment import remote_environment
from whetstone.jobs.launchers.placement import RAY, Share
from whetstone.jobs.launchers.ray_api import RayJobs, RayTroubleError, Submission
from whetstone.settings import Settings

LOOK_SECONDS = 1.0
ENDING_LOOK_SECONDS = 0.2
RETRY_SECONDS = 3.0
"""How long after a failure the cluster is asked again."""
START_SECONDS = 60.0
RESUBMIT_SECONDS = 900.0
"""How long a new job, and one that has work to lose, waits for a cluster that takes no submission."""
SILENT_KILL_SECONDS = 4.0
KILL_SECONDS = 20.0
"""How long after a kill a worker counts as running: on a cluster that is silent, and on one that answers."""

_NO_FOLDER, _NOT_WANTED, _NO_PYTHON = 78, 76, 127
_REASONS: Mapping[int | str, str] = {
    _NO_FOLDER: "The Ray node that got the job does not see the job's folder; the state folder must lie on storage "
    "that the server and all nodes share, at the same path",
    _NOT_WANTED: "Ray started the worker when it was no longer wanted",
    _NO_PYTHON: "The Ray node that got the job has no such Python as WHETSTONE_RAY_PYTHON names",
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": "No node of the Ray cluster had the job's resources free in time",
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE": "No node of the Ray cluster can run the job",
    "JOB_SUPERVISOR_ACTOR_DIED": "The Ray node that ran the worker was lost",
    "RUNTIME_ENV_SETUP_FAILURE": "Ray could not set up the worker's environment",
}
# Where this machine keeps its things, and how many cores it has, is nothing to a node.
_OF_THIS_MACHINE = frozenset(
    {"LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"}
)
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LONGEST_MESSAGE = 20_000  # characters

_log = structlog.get_logger(__name__)


class RayWorker:
    """One submission. `order`: what to submit within `patience` seconds, when the cluster has not taken it yet."""

    def __init__(
        self,
        jobs: RayJobs,
        folder: JobFolder,
        submission_id: str,
        order: Mapping[str, Any] | None = None,
        patience: float = 0.0,
    ) -> None:
        self._jobs = jobs
        self._folder = folder
        self._id = submission_id
        self._order = order
        self._submit_until = time.monotonic() + patience
        self._exit: Exit | None = None
        self._next_look = 0.0
        self._look_every = LOOK_SECONDS
        self._killed_at: float | None = None
        self._next_kill = 0.0
        self._silent = False
        self._log = _log.bind(submission_id=submission_id)

    @property
    def identity(self) -> Mapping[str, Any]:
        """`{launcher, submissionId, address}`."""
        return {"launcher": RAY, "submissionId": self._id, "address": self._jobs.address}

    async def poll(self) -> Exit | None:
        """How it ended, or None while it waits or runs, or nobody can say: a cluster out of reach is no dead worker."""
        if self._exit is None and time.monotonic() >= self._next_look:
            self._exit = await self._look()
        return self._exit

    async def terminate(self) -> None:
        """SIGTERM to all its processes; Ray follows with SIGKILL after 3 seconds."""
        self._look_every, self._next_look = ENDING_LOOK_SECONDS, 0.0
        await self._stop()

    async def kill(self) -> None:
        """The same, and let it never start where it has not; what no signal reaches sees the `cancel` file."""
        now = time.monotonic()
        if self._exit is not None or now < self._next_kill:
            return
        if self._killed_at is None:
            self._killed_at = now
            await asyncio.to_thread(self._forbid)
        self._next_kill = now + LOOK_SECONDS
        await self.terminate()

    def _forbid(self) -> None:
        self._folder.cancel.touch()
        _note(self._folder).unlink(missing_ok=True)

    async def _stop(self) -> None:
        try:
            await self._jobs.stop(self._id)
        except UnavailableError as error:
            self._log.warning("Ray was not told to end a worker", reason=error.message)

    async def _look(self) -> Exit | None:
        try:
            if self._order is not None:
                await self._jobs.submit(self._order)
                self._order = None
            found = await self._jobs.find(self._id)
        except UnavailableError as error:
            return self._out_of_reach(error.message)
        self._next_look = time.monotonic() + self._look_every
        self._silent = False
        if found is None:
            return Exit(
                reason="The Ray cluster does not know the job any more, as after a restart of its head"
            )
        if found.status in ("PENDING", "RUNNING"):
            return Exit() if self._given_up(0.0 if found.status == "PENDING" else KILL_SECONDS) else None
        if found.status == "FAILED" and found.exit_code is None:
            await asyncio.to_thread(self._keep, found.message)
        return _exit(found)

    def _out_of_reach(self, reason: str) -> Exit | None:
        now = time.monotonic()
        self._next_look = now + (RETRY_SECONDS if self._killed_at is None else LOOK_SECONDS)
        if not self._silent:
            self._silent = True
            self._log.warning("a Ray cluster is out of reach; its worker may well go on", reason=reason)
        refused = self._order is not None and now >= self._submit_until
        return Exit(reason=reason) if refused or self._given_up(SILENT_KILL_SECONDS) else None

    def _given_up(self, seconds: float) -> bool:
        return self._killed_at is not None and time.monotonic() - self._killed_at >= seconds

    def _keep(self, message: str) -> None:
        """What Ray says of a worker that never wrote a line goes where its lines would be."""
        text = _TERMINAL_CODES.sub("", message)[-_LONGEST_MESSAGE:]
        with self._folder.output.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{text.strip()}\n")


class RayLauncher:
    """Submits workers to the cluster of `ray_address`, which must be set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs = RayJobs(settings.ray_address or "", settings.ray_token)

    async def launch(self, job_dir: Path, environment: Mapping[str, str]) -> RayWorker:
        """Submit the worker of `job_dir`; it may then wait in Ray's queue.

        Raises `UnavailableError` when in the first attempt the cluster refuses it or nothing is there. A cluster that
        is still starting is waited for; later attempts have work to lose, and wait longer, whatever the trouble.
        """
        folder = JobFolder(job_dir)
        order = await asyncio.to_thread(JobFile.read, job_dir)
        submission_id = f"whetstone-{order.id}-{order.attempt}-{secrets.token_hex(4)}"
        await asyncio.to_thread(files.write_json, _note(folder), {"submissionId": submission_id})
        submission = self._submission(order, submission_id, environment)
        try:
            await self._jobs.submit(submission)
        except UnavailableError as error:
            if order.attempt == 1 and not isinstance(error, RayTroubleError):
                raise
            patience = START_SECONDS if order.attempt == 1 else RESUBMIT_SECONDS
            return RayWorker(self._jobs, folder, submission_id, submission, patience)
        return RayWorker(self._jobs, folder, submission_id)

    def attach(self, job_dir: Path, identity: Mapping[str, Any] | None) -> RayWorker | None:
        """The submission that the server wrote down, or else the last one that it meant to make."""
        folder = JobFolder(job_dir)
        submission_id = _submission_id(identity) or _submission_id(_read(_note(folder)))
        return None if submission_id is None else RayWorker(self._jobs, folder, submission_id)

    def _submission(
        self, order: JobFile, submission_id: str, environment: Mapping[str, str]
    ) -> dict[str, Any]:
        share = Share.of(order.backend, order.options)
        added = {name: value for name, value in environment.items() if name not in _OF_THIS_MACHINE}
        return {
            "entrypoint": entrypoint(self._settings.ray_python, order.job_dir, submission_id),
            "submission_id": submission_id,
            "runtime_env": {
                "env_vars": remote_environment(self._settings) | added | share.limits(self._settings)
            },
            "metadata": {"whetstone_job": order.id, "attempt": str(order.attempt), "backend": order.backend},
            **share.requirements(),
        }


def entrypoint(python: str, job_dir: Path, submission_id: str) -> str:
    """The shell command of a worker. Its own output goes to `output.log`, where it can be read while it runs."""
    folder = JobFolder(job_dir)
    return (
        f"test -d {_quoted(job_dir)} || exit {_NO_FOLDER}; "
        f"grep -qsF {submission_id} {_quoted(_note(folder))} || exit {_NOT_WANTED}; "
        # Takes the shell's place, so that signals and the exit status are the worker's own.
        f"exec {shlex.quote(python)} -m whetstone.jobs.worker {_quoted(job_dir)} >>{_quoted(folder.output)} 2>&1"
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _note(folder: JobFolder) -> Path:
    return folder.path / "ray.json"


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None


def _submission_id(content: Any) -> str | None:
    match content:
        case {"submissionId": str(submission_id)}:
            return submission_id
    return None


def _exit(found: Submission) -> Exit:
    if found.status == "STOPPED":
        return Exit(reason="The worker was stopped in Ray")
    if found.exit_code is None:
        if found.status == "SUCCEEDED":
            return Exit(code=0)
        return Exit(reason=_REASONS.get(found.error_type or "", "Ray could not run the worker"))
    ended = Exit.of_status(found.exit_code)
    return Exit(ended.code, ended.signal, _REASONS.get(found.exit_code))
