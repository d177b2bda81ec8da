"""All SQL on the jobs table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.errors import ConflictError, NotFoundError
from whetstone.jobs.event import JOB_LOG, JOB_PROGRESS
from whetstone.jobs.states import FINISHED, JobStatus, sources_of
from whetstone.jobs.tables import events, jobs

MAX_LOG_LINES = 600

# The columns of a job by name.
Row: TypeAlias = dict[str, Any]


class EventsTakenError(ConflictError):
    """Another server process follows the job's worker too, and was faster."""


async def insert_job(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Add a pending job; `values` are id, backend, dataset_id and options."""
    await connection.execute(
        insert(jobs).values(
            **values, created_at=now_ms(), status=JobStatus.PENDING, phase=JobStatus.PENDING, progress=0.0
        )
    )


async def transition(
    connection: AsyncConnection,
    job_id: str,
    target: JobStatus,
    *,
    source: JobStatus | None = None,
    **values: Any,
) -> None:
    """Move a job to `target` and set further columns: the only place where a status changes.

    Raises `ConflictError` when the job's present state does not allow it, or is not `source` if that is given.
    """
    sources = sources_of(target) if source is None else sources_of(target) & {source}
    moment = "completed_at" if target in FINISHED else "started_at"
    changed = await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.in_(sources))
        .values(**{"status": target, moment: now_ms(), **values})
    )
    if changed.rowcount != 1:
        raise ConflictError(f"Job {job_id} cannot become {target} in its present state")


async def set_columns(connection: AsyncConnection, job_id: str, **values: Any) -> None:
    """Set columns of a job other than its status."""
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


async def next_pending(connection: AsyncConnection, without: Collection[str] = ()) -> Row | None:
    """The job that has waited longest, but for those of the backends `without`."""
    waiting = select(jobs).where(jobs.c.status == JobStatus.PENDING, jobs.c.backend.not_in(without))
    query = waiting.order_by(jobs.c.key).limit(1)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else dict(row)


async def row_of(connection: AsyncConnection, job_id: str) -> Row:
    """The job's row as this transaction sees it."""
    return dict((await connection.execute(select(jobs).where(jobs.c.id == job_id))).mappings().one())


async def advance(
    connection: AsyncConnection, job_id: str, from_offset: int, to_offset: int, **values: Any
) -> None:
    """Note that the worker's events up to byte `to_offset` are in the log, and set further columns.

    Raises `EventsTakenError` when somebody else has read on from `from_offset`.
    """
    changed = await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.events_offset == from_offset)
        .values(events_offset=to_offset, **values)
    )
    if changed.rowcount != 1:
        raise EventsTakenError(f"The events of job {job_id} are read by another process")


class JobReader:
    """Questions about jobs, each answered from one snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def row(self, job_id: str, missing: str | None = None) -> Row:
        """A job's row; `NotFoundError` with the message `missing` when there is none."""
        found = await self._rows(select(jobs).where(jobs.c.id == job_id)) if "\x00" not in job_id else ()
        if not found:
            raise NotFoundError(missing or f"Job {job_id} not found")
        return found[0]

    async def rows(self, status: JobStatus | None = None) -> list[Row]:
        """All jobs, or those with a status, newest first."""
        query = select(jobs).order_by(jobs.c.key.desc())
        return await self._rows(query if status is None else query.where(jobs.c.status == status))

    async def counts(self) -> dict[JobStatus, int]:
        """Number of jobs by status; all statuses are there."""
        query = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        async with self._database.read() as connection:
            found = {JobStatus(status): count for status, count in await connection.execute(query)}
        return {status: found.get(status, 0) for status in JobStatus}

    async def queue(self) -> list[tuple[str, str]]:
        """Ids and backends of the waiting jobs, the one that has waited longest first."""
        query = (
            select(jobs.c.id, jobs.c.backend).where(jobs.c.status == JobStatus.PENDING).order_by(jobs.c.key)
        )
        async with self._database.read() as connection:
            return [(job_id, backend) for job_id, backend in await connection.execute(query)]

    async def logs(self, job_ids: Iterable[str]) -> dict[str, list[str]]:
        """The newest log lines of jobs, at most `MAX_LOG_LINES` each, oldest first."""
        message = events.c.payload["message"].as_string()
        found: dict[str, list[str]] = {}
        async with self._database.read() as connection:
            # One indexed look-up a job: a window over all of them would read every line ever logged.
            for job_id in job_ids:
                newest = (
                    select(message)
                    .where(events.c.job_id == job_id, events.c.kind == JOB_LOG)
                    .order_by(events.c.sequence.desc())
                    .limit(MAX_LOG_LINES)
                )
                lines = list(await connection.scalars(newest))
                lines.reverse()
                found[job_id] = lines
        return found

    async def news(self, job_ids: Iterable[str]) -> dict[str, Row]:
        """The payload of each job's newest progress event."""
        found: dict[str, Row] = {}
        async with self._database.read() as connection:
            for job_id in job_ids:
                newest = (
                    select(events.c.payload)
                    .where(events.c.job_id == job_id, events.c.kind == JOB_PROGRESS)
                    .order_by(events.c.sequence.desc())
                    .limit(1)
                )
                found[job_id] = await connection.scalar(newest) or {}
        return found

    async def _rows(self, query: Select[Any]) -> list[Row]:
        async with self._database.read() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]
