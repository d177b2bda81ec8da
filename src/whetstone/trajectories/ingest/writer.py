"""Group commit: what waits to be stored is stored together, and each request learns its own fate.

One transaction a request would wait for the disk once a request. Here requests queue up while a group is being
written, and the next group is all that waits, up to a bound. The task that writes exists only while there is work.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError

from whetstone.clock import now_ms
from whetstone.db import Database, trouble
from whetstone.errors import OverloadedError, UnavailableError, WhetstoneError
from whetstone.trajectories.ingest.changes import Change
from whetstone.trajectories.ingest.draft import Claims, Draft
from whetstone.trajectories.ingest.labels import Classify
from whetstone.trajectories.ingest.loading import load
from whetstone.trajectories.ingest.weight import Weight
from whetstone.trajectories.ingest.writes import IngestResult, write
from whetstone.trajectories.logging_switch import is_on

Describe = Callable[[int], Sequence[Change]]
"""The changes that a request asks for, given the time of its arrival."""

_ATTEMPTS = 10
# PostgreSQL: another process got in our way, and the same transaction may succeed when it is run again: serialization
# failure, deadlock, a row that both inserted, a shared text that a deletion took away.
_COLLISIONS = frozenset({"40001", "40P01", "23505", "23503"})
_COLLISION_SECONDS = 0.005  # longest pause after the first
_GROUP_CALLS = {"sqlite": 4_000, "postgresql": 1_000}
_GROUP_CHARACTERS = 8_000_000
_WAITING_CHARACTERS = 256_000_000
# Where many write at once, a group waits this long (seconds) for as many as the last one had.
_PAUSE = 0.002
# Work below this is done at once: a switch to another thread costs more.
_INLINE = Weight(100, 200_000)


@dataclass(slots=True, eq=False)
class _Request:
    """One request on its way into the database; `outcome` is known when its group was merged."""

    describe: Describe
    weight: Weight
    answer: asyncio.Future[IngestResult]
    now: int
    changes: Sequence[Change] = field(default=())
    outcome: IngestResult | Exception | None = None

    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(change.trajectory_id for change in self.changes))

    def settle(self) -> None:
        """Tell the requester, unless it has gone."""
        if self.answer.done():
            return
        if isinstance(self.outcome, Exception):
            self.answer.set_exception(self.outcome)
        elif self.outcome is not None:
            self.answer.set_result(self.outcome)


class Writer:
    """The one that writes trajectories into `database` for this process."""

    def __init__(self, database: Database, max_calls: int, classify: Classify) -> None:
        self._database = database
        self._max_waiting = Weight(max_calls, _WAITING_CHARACTERS)
        self._max_group = Weight(_GROUP_CALLS[database.dialect], _GROUP_CHARACTERS)
        self._classify = classify
        self._queue: deque[_Request] = deque()
        self._waiting = Weight(0, 0)
        self._last_size = 1
        self._task: asyncio.Task[None] | None = None

    async def submit(self, describe: Describe, weight: Weight) -> IngestResult:
        """Apply the changes that `describe` yields, whole or not at all; they are on disk when this returns.

        Raises ConflictError when an item's id is taken by another step, OverloadedError when too much waits
        already, UnavailableError when other processes keep colliding with this one (PostgreSQL only). A caller
        that is cancelled may find its changes stored all the same.
        """
        if self._queue and (self._waiting + weight).exceeds(self._max_waiting):
            raise OverloadedError(
                "More trajectories wait to be stored than may wait; send the request again."
            )
        answer: asyncio.Future[IngestResult] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(describe, weight, answer, now_ms()))
        self._waiting += weight
        if self._task is None:
            # In a context of its own: it works for many requests, and its log lines belong to none.
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())
        return await answer

    async def idle(self) -> None:
        """Return when nothing waits to be stored."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        group: list[_Request] = []
        try:
            while self._queue:
                if len(self._queue) < self._last_size:
                    # Those that have just been answered are about to send more: fewer, larger groups cost less.
                    await asyncio.sleep(_PAUSE)
                group = self._next_group()
                self._last_size = len(group)
                await self._store(group)
                for request in group:
                    request.settle()
        finally:
            self._task = None
            # Only where this task itself is cancelled is anybody left without an answer.
            for request in (*group, *self._queue):
                request.answer.cancel()
            self._queue.clear()
            self._waiting = Weight(0, 0)

    def _next_group(self) -> list[_Request]:
        group: list[_Request] = []
        weight = Weight(0, 0)
        while self._queue and not (group and (weight + self._queue[0].weight).exceeds(self._max_group)):
            request = self._queue.popleft()
            weight += request.weight
            group.append(request)
        self._waiting -= weight
        return group

    async def _store(self, group: Sequence[_Request]) -> None:
        """Give every request of `group` its outcome."""
        try:
            await self._attempt(group)
        except Exception as error:
            if len(group) > 1 and _may_be_of_one(error):
                # It may be the data of one request: the others must not suffer.
                middle = len(group) // 2
                await self._store(group[:middle])
                await self._store(group[middle:])
                return
            for request in group:
                if not isinstance(request.outcome, WhetstoneError):
                    request.outcome = error

    async def _attempt(self, group: Sequence[_Request]) -> None:
        weight = sum((request.weight for request in group), Weight(0, 0))
        for attempt in range(_ATTEMPTS):
            try:
                await self._transaction(group, weight)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
                    raise
            else:
                return
            # Not in step with the writers that it ran into.
            await asyncio.sleep(random.uniform(0, _COLLISION_SECONDS * 2**attempt))
        raise UnavailableError("Other writers keep changing the same trajectories; send the request again.")

    async def _transaction(self, group: Sequence[_Request], weight: Weight) -> None:
        await _compute(weight, _describe, group)
        async with self._database.write() as connection:
            if not await is_on(connection):
                for request in group:
                    request.outcome = IngestResult(stored=False, ids=request.ids())
                return
            arrivals = [(request.now, request.changes) for request in group]
            drafts = await load(connection, self._database.dialect, arrivals, self._classify)
            await _compute(weight, _merge, group, drafts)
            await write(connection, self._database, drafts.values(), now_ms())


def _may_be_of_one(error: Exception) -> bool:
    """Whether an error may come from the data of one request: not where the database itself is in trouble."""
    return trouble(error) is None and not isinstance(error, OSError)


async def _compute(weight: Weight, function: Callable[..., None], *arguments: Any) -> None:
    """Run pure Python: where it may take long, not on the event loop."""
    if weight.exceeds(_INLINE):
        await asyncio.to_thread(function, *arguments)
    else:
        function(*arguments)


def _describe(group: Iterable[_Request]) -> None:
    for request in group:
        if not request.changes:
            request.changes = request.describe(request.now)


def _merge(group: Iterable[_Request], drafts: dict[str, Draft]) -> None:
    """Apply the requests in the order of their arrival; one that is refused leaves no trace."""
    for request in group:
        claims: Claims = {}
        try:
            for change in request.changes:
                drafts[change.trajectory_id].refuse(change, claims)
        except WhetstoneError as error:
            request.outcome = error
        else:
            request.outcome = _apply(request, drafts)


def _apply(request: _Request, drafts: dict[str, Draft]) -> IngestResult:
    ids = request.ids()
    touched = [drafts[identifier] for identifier in ids]
    for draft in touched:
        draft.begin()
    for change in request.changes:
        drafts[change.trajectory_id].apply(change, request.now)
    done = [draft.finish(request.now) for draft in touched]
    return IngestResult(
        stored=True,
        ids=ids,
        created=sum(each.created for each in done),
        updated=sum(each.updated for each in done),
        llm_calls=sum(each.llm_calls for each in done),
        provider_accesses=sum(each.provider_accesses for each in done),
    )
