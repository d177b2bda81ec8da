"""The event log: numbered, stored, and followed by any number of subscribers.

The database is the truth; the newest events are mirrored in memory, so that many followers cost no queries.
Writers only ring a bell; each subscriber pulls at its own pace from its own cursor, so a slow one loses
nothing and makes nobody wait. Appends are serialised up to their commit, so the order of the numbers is the
order in which events become visible, and a cursor never passes one that is still to come.

With several server processes on one database the same holds: the order lock of PostgreSQL is shared, and
`notify()` is all that another process's writes need (LISTEN/NOTIFY or a timer would call it). Today there is
one process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.jobs.event import Event, EventDraft
from whetstone.jobs.tables import events

RING_CAPACITY = 1500
_REPLAY_BATCH = 500
# Any number that no other advisory lock of this database uses.
_ORDER_LOCK = 7_303_014_001


class EventLog:
    """Publish and follow events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ring: deque[Event] = deque(maxlen=RING_CAPACITY)
        self._ring_lock = asyncio.Lock()
        self._stale = True
        self._bell = asyncio.Event()

    async def publish(self, item: EventDraft) -> Event:
        """Store one event and wake the subscribers."""
        async with self.transaction() as connection:
            [event] = await self.append([item], connection)
        return event

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction in which `append` may be called; subscribers wake after its commit."""
        async with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                # Held until the commit. SQLite's single writer gives the same order for nothing.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ORDER_LOCK})
            yield connection
        self.notify()

    async def append(self, drafts: Sequence[EventDraft], connection: AsyncConnection) -> list[Event]:
        """Store events, in order, together with whatever else the caller's `transaction()` writes."""
        if not drafts:
            return []
        rows = [
            {"ts": item.ts, "kind": item.kind, "job_id": item.job_id, "payload": dict(item.payload)}
            for item in drafts
        ]
        statement = events.insert().returning(events.c.sequence, sort_by_parameter_order=True)
        sequences = (await connection.scalars(statement, rows)).all()
        return [
            Event(sequence, item.ts, item.kind, item.job_id, item.payload)
            for sequence, item in zip(sequences, drafts, strict=True)
        ]

    def notify(self) -> None:
        """Wake all subscribers: something was committed to the log."""
        self._stale = True
        self._bell.set()
        self._bell = asyncio.Event()

    def subscribe(self, after: int | None = None, *, job_id: str | None = None) -> Subscription:
        """Follow the log from the event after number `after`, or from the first pull on when None.

        `job_id` narrows it to the events of one job.
        """
        return Subscription(self, after, job_id)

    async def recent(self, limit: int) -> list[Event]:
        """The newest events, oldest first; at most the `RING_CAPACITY` that are kept at hand."""
        await self._refresh()
        return list(self._ring)[-limit:] if limit > 0 else []

    async def latest_sequence(self) -> int:
        """Number of the newest event; 0 when there is none."""
        await self._refresh()
        return self._ring[-1].sequence if self._ring else 0

    async def after(self, sequence: int, *, job_id: str | None = None) -> tuple[list[Event], int]:
        """Events that follow `sequence`, oldest first, and the number up to which they are complete.

        Where many follow, the first of them; an empty list only when there is none yet.
        """
        await self._refresh()
        newest = self._ring[-1].sequence if self._ring else 0
        if newest <= sequence:
            return [], sequence
        if self._ring[0].sequence > sequence + 1:
            older = await self._stored_after(sequence, job_id)
            return older, older[-1].sequence if older else newest
        newer: list[Event] = []
        for event in reversed(self._ring):
            if event.sequence <= sequence:
                break
            if job_id is None or event.job_id == job_id:
                newer.append(event)
        newer.reverse()
        return newer, newest

    def bell(self) -> asyncio.Event:
        """Rings once, at the next `notify`. Take it before looking for events, wait for it afterwards."""
        return self._bell

    async def _stored_after(self, sequence: int, job_id: str | None) -> list[Event]:
        query = select(events).where(events.c.sequence > sequence)
        if job_id is not None:
            query = query.where(events.c.job_id == job_id)
        return await self._load(query.order_by(events.c.sequence).limit(_REPLAY_BATCH))

    async def _refresh(self) -> None:
        """Bring the mirror up to what is committed."""
        async with self._ring_lock:
            if not self._stale:
                return
            self._stale = False  # before reading: what is committed meanwhile sets it again
            try:
                newest = self._ring[-1].sequence if self._ring else 0
                query = select(events).where(events.c.sequence > newest).order_by(events.c.sequence.desc())
                found = await self._load(query.limit(RING_CAPACITY))
            except BaseException:
                self._stale = True
                raise
            self._ring.extend(reversed(found))

    async def _load(self, query: Select[Any]) -> list[Event]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Event(**row) for row in rows]


class Subscription:
    """An endless asynchronous iterator over the log, with a cursor of its own.

    Waiting for the next event may be cancelled (by a heartbeat's timeout) and taken up again without loss.
    """

    def __init__(self, log: EventLog, after: int | None, job_id: str | None) -> None:
        self._log = log
        self._after = after
        self._cursor: int | None = None
        self._job_id = job_id
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            bell = self._log.bell()
            if self._cursor is None:
                self._cursor = await self._first_cursor()
            found, self._cursor = await self._log.after(self._cursor, job_id=self._job_id)
            if found:
                self._ready.extend(found)
            else:
                await bell.wait()
        return self._ready.popleft()

    async def _first_cursor(self) -> int:
        latest = await self._log.latest_sequence()
        # A cursor from beyond the end belongs to another database (a state folder that was replaced).
        return latest if self._after is None else min(self._after, latest)
