"""How many calls of this process an endpoint gets at once, and when it gets none."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from whetstone.lm.board import Board
from whetstone.lm.shares import Allotment, Report

_POLL_SECONDS = 0.4  # how soon a process that gets all it is due learns that others came or went
_HUNGRY_POLL_SECONDS = 0.1  # how soon it gets what others have let go of
_GAP_SECONDS = 0.005  # between two exchanges, however much happens


class Slot:
    """A call in flight; tell how it went."""

    def __init__(self, width: EndpointWidth) -> None:
        self._width = width
        self.started = time.monotonic()

    def answered(self) -> None:
        """The endpoint answered."""
        self._width._answered_one()

    def refused(self, retry_after: float) -> None:
        """The endpoint refused because it has too much to do, and wants to be left alone for so many seconds."""
        self._width._refused_one(self.started, retry_after)


class EndpointWidth:
    """At most `cap` calls in flight in all processes that share `folder`, served in order of arrival.

    Each process gets its fair share, all of it when no other has anything to do; less when the endpoint refuses.
    With no folder the width is this object's own. For one event loop; see `shares` and `board` for the how.
    """

    def __init__(self, cap: int, folder: Path | None = None) -> None:
        self._cap = cap
        self._board = Board(folder)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lm-width")
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._in_flight = 0
        self._limit = 0
        self._wanted = 0  # the most that could be used since the last report
        self._reported = 0
        self._answered = 0
        self._refused = 0
        self._refused_at = 0.0
        self._paused_until = 0.0
        self._allotment: Allotment | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self.users = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Hold one of the places."""
        await self._enter()
        try:
            yield Slot(self)
        finally:
            self._leave()

    async def close(self) -> None:
        """Give the places to the others; who still waits for one is cancelled."""
        self._closing = True
        for turn in self._waiting:
            turn.cancel()
        self._news.set()
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._wake is not None:
            self._wake.cancel()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._board.leave)
        self._thread.shutdown(wait=False)

    async def _enter(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._count_demand()
        self._admit()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        elif not turn.done() and self._reported <= self._limit < self._cap:
            self._news.set()  # all that was asked for is there: ask for more
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        self._in_flight -= 1
        if self._in_flight >= self._limit and self._gets_less_than_it_wants():
            self._news.set()
        self._admit()

    def _gets_less_than_it_wants(self) -> bool:
        return self._allotment is not None and self._allotment.share < self._reported

    def _admit(self) -> None:
        delay = self._paused_until - time.monotonic()
        if delay > 0:
            if self._waiting and self._wake is None:
                self._wake = asyncio.get_running_loop().call_later(delay, self._awake)
            return
        while self._waiting and self._in_flight < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)

    def _awake(self) -> None:
        self._wake = None
        self._admit()

    def _count_demand(self) -> None:
        self._wanted = max(self._wanted, self._in_flight + len(self._waiting))

    def _answered_one(self) -> None:
        adapted = self._allotment is not None and self._allotment.adapted
        if not adapted or self._in_flight < self._limit or not self._gets_less_than_it_wants():
            return  # only an answer at full width says that there may be more
        self._answered += 1
        if self._answered >= self._limit:
            self._news.set()

    def _refused_one(self, started: float, retry_after: float) -> None:
        self._refused += 1
        self._refused_at = max(self._refused_at, started)
        self._paused_until = max(self._paused_until, time.monotonic() + retry_after)
        self._limit = max(1, self._limit - 1)  # its place is not taken again before the next exchange
        self._news.set()

    async def _keep(self) -> None:
        """Exchange reports while there is anything to do; the last one gives all places back."""
        try:
            while not self._closing:
                self._news.clear()
                await self._exchange()
                if self._reported == 0 and not self._waiting:
                    return
                await asyncio.sleep(_GAP_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds()):
                        await self._news.wait()
        except Exception as error:  # nobody awaits this task: who waits for a place must hear of it
            for turn in self._waiting:
                if not turn.done():
                    turn.set_exception(error)
            self._waiting.clear()
        finally:
            self._keeper = None

    def _poll_seconds(self) -> float:
        satisfied = self._allotment is not None and self._limit >= self._allotment.share
        return _POLL_SECONDS if satisfied else _HUNGRY_POLL_SECONDS

    async def _exchange(self) -> None:
        report = Report(
            cap=self._cap,
            wanted=min(self._wanted, self._cap),
            in_flight=self._in_flight,
            answered=self._answered,
            refused=self._refused,
            refused_at=self._refused_at,
            paused_until=self._paused_until,
        )
        # Nothing new may start on places that are being given back.
        limit, self._limit = self._limit, min(self._limit, self._in_flight)
        self._wanted, self._answered, self._refused = self._in_flight + len(self._waiting), 0, 0
        found = await asyncio.get_running_loop().run_in_executor(self._thread, self._board.exchange, report)
        if found is None:
            self._limit, self._refused = limit, self._refused + report.refused
        else:
            self._allotment, self._limit, self._reported = found, found.limit, report.wanted
            self._paused_until = max(self._paused_until, found.paused_until)
        self._admit()


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Path, int], EndpointWidth]] = (
    WeakKeyDictionary()
)


def join(cap: int, folder: Path | None) -> EndpointWidth:
    """The width of an endpoint, the same object for all clients of the running event loop. Pair with `part`."""
    widths = _shared.setdefault(asyncio.get_running_loop(), {})
    width = widths.get((folder, cap)) if folder is not None else None
    if width is None:
        width = EndpointWidth(cap, folder)
        if folder is not None:
            widths[folder, cap] = width
    width.users += 1
    return width


async def part(width: EndpointWidth) -> None:
    """One client needs the width no more; the last one closes it."""
    width.users -= 1
    if width.users > 0:
        return
    widths = _shared.get(asyncio.get_running_loop(), {})
    for key in [key for key, value in widths.items() if value is width]:
        del widths[key]
    await width.close()
