"""Carries what a worker reports into the event log and the job's row, each line exactly once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whetstone.jobs import store
from whetstone.jobs.event import JOB_LOG, JOB_PROGRESS, JOB_STARTED, EventDraft, reported
from whetstone.jobs.events import EventLog
from whetstone.jobs.tail import Reading, read_lines

_KINDS = frozenset({JOB_STARTED, JOB_PROGRESS, JOB_LOG})


class EventFollower:
    """Follows the `events.jsonl` of one job.

    Events, progress and the offset up to which the file was read commit together, so a server that dies at any
    moment neither loses nor repeats a line. The final line is held back: it becomes `final`, and is committed by
    whoever knows how the worker ended.
    """

    def __init__(self, events: EventLog, path: Path, row: Mapping[str, Any]) -> None:
        self._events = events
        self._path = path
        self._job_id: str = row["id"]
        self._offset: int = row["events_offset"]
        self._progress: float = row["progress"]
        self._end: Reading | None = None

    @property
    def final(self) -> Mapping[str, Any] | None:
        """The line that ended the job, once it was read."""
        return self._end.final if self._end else None

    @property
    def offsets(self) -> tuple[int, int]:
        """Up to where the file is in the log, and up to where it is when the final line is too."""
        return self._offset, self._end.final_offset if self._end else self._offset

    async def advance(self) -> None:
        """Carry over all whole lines that are there."""
        while self._end is None:
            reading = await asyncio.to_thread(read_lines, self._path, self._offset)
            if reading.offset != self._offset:
                await self._store(reading)
            if reading.final is not None:
                self._end = reading
            if not reading.more:
                return

    async def _store(self, reading: Reading) -> None:
        progress, phase = self._progress, None
        drafts: list[EventDraft] = []
        for line in reading.lines:
            if line["kind"] not in _KINDS:
                continue
            corrected = None
            if line["kind"] == JOB_PROGRESS:
                # An attempt that begins anew must not seem to fall back.
                progress = corrected = max(progress, _fraction(line.get("progress")))
                phase = line.get("phase", phase)
            drafts.append(reported(line, self._job_id, corrected))
        columns = {"progress": progress} | ({"phase": phase} if isinstance(phase, str) else {})
        async with self._events.transaction() as connection:
            await self._events.append(drafts, connection)
            await store.advance(connection, self._job_id, self._offset, reading.offset, **columns)
        self._offset, self._progress = reading.offset, progress


def _fraction(value: Any) -> float:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return min(max(float(value), 0.0), 1.0) if is_number else 0.0
