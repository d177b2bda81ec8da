"""The worker's voice: what a backend reports becomes lines in `events.jsonl`."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from whetstone.jobs.event import JOB_LOG, JOB_PROGRESS, EventDraft, draft

PROGRESS_INTERVAL_SECONDS = 0.1
MAX_LOG_LINES = 10_000
MAX_EXTRA_TEXT = 4000
"""Characters of a text in an event's extra keys; a longer one, such as a diff, is cut."""

_MAX_EXTRA_ITEMS = 100
_NEWS = frozenset({"edit", "hypothesis"})  # never passed over for something newer
_STANDING = frozenset(
    {"bestScore", "budgetUsed", "loss", "evalLoss", "currentIteration", "totalIterations"}
)  # true until something newer is said


class EventFile:
    """Appends events to a file, one JSON object a line, each with a single write; for one process at a time."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")  # an earlier attempt was killed in the middle of a line

    def append(self, event: EventDraft) -> None:
        """Write one event; it is in the kernel's hands when this returns, so a killed worker loses nothing."""
        line = memoryview(orjson.dumps(event.payload, option=orjson.OPT_APPEND_NEWLINE))
        while line:
            line = line[os.write(self._descriptor, line) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class EventReporter:
    """A `Reporter` that writes events, at most ten of progress a second and a bounded number of log lines.

    A new phase is always written; of the rest the newest waits for its turn (see `flush`). May be called from
    any thread.
    """

    def __init__(self, file: EventFile, job_id: str) -> None:
        self._file = file
        self._job_id = job_id
        self._lock = threading.Lock()
        self._fraction = 0.0
        self._phase: str | None = None
        self._written_at = -math.inf
        self._waiting: EventDraft | None = None
        self._log_lines = 0
        self._standing: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        self._file.close()

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        """The job is at `fraction` (0..1; smaller ones than before count as that), in `phase`.

        `extra` goes into the event; the best score, the used budget and the losses stay until there are newer ones. What
        tells of an edit or a hypothesis is written at once.
        """
        with self._lock:
            if math.isfinite(fraction):
                self._fraction = max(self._fraction, min(fraction, 1.0))
            event = draft(
                JOB_PROGRESS,
                message,
                job_id=self._job_id,
                progress=self._fraction,
                phase=phase,
                **self._with_standing(extra),
            )
            if phase == self._phase and _NEWS.isdisjoint(extra) and not self._is_due():
                self._waiting = event
            else:
                self._write_progress(event)
            self._phase = phase

    def log(self, message: str, **extra: Any) -> None:
        """One line for the job's log; `extra` goes into its event."""
        with self._lock:
            self._log_lines += 1
            if self._log_lines < MAX_LOG_LINES:
                self._file.append(draft(JOB_LOG, message, job_id=self._job_id, **bounded(extra)))
            elif self._log_lines == MAX_LOG_LINES:
                self._file.append(draft(JOB_LOG, "Further log lines are left out", job_id=self._job_id))

    def _with_standing(self, extra: dict[str, Any]) -> dict[str, Any]:
        self._standing |= {key: extra[key] for key in _STANDING & extra.keys()}
        return {**self._standing, **bounded(extra)}

    def event(self, kind: str, message: str, **extra: Any) -> None:
        """An event of another kind, after everything that was reported before."""
        self.flush()
        with self._lock:
            self._file.append(draft(kind, message, job_id=self._job_id, **extra))

    def flush_due(self) -> None:
        """Write the waiting progress if its time has come; to be called every now and then."""
        with self._lock:
            if self._waiting is not None and self._is_due():
                self._write_progress(self._waiting)

    def flush(self) -> None:
        """Write the waiting progress now."""
        with self._lock:
            if self._waiting is not None:
                self._write_progress(self._waiting)

    def _is_due(self) -> bool:
        return time.monotonic() - self._written_at >= PROGRESS_INTERVAL_SECONDS

    def _write_progress(self, event: EventDraft) -> None:
        self._file.append(event)
        self._written_at = time.monotonic()
        self._waiting = None


def bounded(value: Any) -> Any:
    """A copy of JSON for an event: no long texts, no long lists."""
    if isinstance(value, str):
        return value if len(value) <= MAX_EXTRA_TEXT else value[: MAX_EXTRA_TEXT - 1] + "…"
    if isinstance(value, dict):
        return {key: bounded(item) for key, item in list(value.items())[:_MAX_EXTRA_ITEMS]}
    if isinstance(value, (list, tuple)):
        return [bounded(item) for item in value[:_MAX_EXTRA_ITEMS]]
    return value
