"""A spending limit that is kept exactly: room is reserved before a call and settled after it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from decimal import ROUND_FLOOR, Decimal
from types import TracebackType
from typing import Self

from whetstone.lm.errors import BudgetExhausted, BudgetLimit

_UNITS_PER_USD = 10**12  # money is counted in whole picodollars, so that sums are exact


@dataclass(frozen=True)
class _Amount:
    """`cost` in units."""

    calls: int = 0
    tokens: int = 0
    cost: int = 0

    def __add__(self, other: _Amount) -> _Amount:
        return _Amount(self.calls + other.calls, self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: _Amount) -> _Amount:
        return _Amount(self.calls - other.calls, self.tokens - other.tokens, self.cost - other.cost)


class Reservation:
    """Room held while something is in flight. An async context manager: unsettled room is given back at its end."""

    def __init__(self, budget: Budget, held: _Amount) -> None:
        self._budget = budget
        self._held = held
        self._open = True

    def settle(self, tokens: int, cost: float = 0.0, *, calls: int | None = None) -> None:
        """Book what was really used in place of what was reserved: `calls`, by default those reserved, `tokens`,
        and `cost` in USD. Closes the reservation; a second time does nothing.

        More than was reserved is booked as it is, because it was spent; only then can a limit be exceeded.
        """
        used = _Amount(self._held.calls if calls is None else calls, tokens, _units(cost))
        self._close(used)

    def release(self) -> None:
        """Give the room back: nothing was spent."""
        self._close(_Amount())

    def _close(self, used: _Amount) -> None:
        if self._open:
            self._open = False
            self._budget._close(self._held, used)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(eq=False)
class _Waiter:
    need: _Amount
    turn: asyncio.Future[None]


class Budget:
    """Limits on calls, tokens (prompt and completion), seconds, and money (USD); None means unlimited.

    Calls, tokens and cost never exceed their limits as long as no reservation is settled to more than it held.
    What does not fit beside that which is spent and in flight waits, in order of arrival, for what is in flight
    to settle to less. Seconds are wall-clock time since the budget was made; a call under way at the end is not cut
    off. For use in one event loop. `spent`, as `spent()` gave it, carries on the account of an interrupted run.
    """

    def __init__(
        self,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        max_cost: float | None = None,
        *,
        spent: Mapping[str, float] | None = None,
    ) -> None:
        before = spent or {}
        self._max_calls = max_calls
        self._max_tokens = max_tokens
        self._max_seconds = max_seconds
        self._max_cost = max_cost
        self._max_units = None if max_cost is None else _whole_units(max_cost)
        self._spent = _Amount(
            int(before.get("calls", 0)), int(before.get("tokens", 0)), _units(before.get("cost", 0.0))
        )
        self._in_flight = _Amount()
        self._started = time.monotonic() - float(before.get("seconds", 0))
        self._waiters: deque[_Waiter] = deque()

    async def reserve(self, *, calls: int = 1, tokens: int = 0, cost: float = 0.0) -> Reservation:
        """Room for `calls` calls of at most `tokens` tokens and `cost` USD in all; waits while it may still fit.

        Raises:
            BudgetExhausted: it would not fit even with nothing in flight, or the time is up. Nothing is held.
        """
        need = _Amount(calls, tokens, _units(cost))
        self._refuse(need)
        if self._waiters or not self._fits(need):
            await self._wait(need)
        else:
            self._in_flight += need
        return Reservation(self, need)

    def spent(self) -> dict[str, float]:
        """`calls`, `tokens`, `cost` (USD) and `seconds` used so far."""
        calls, tokens, cost = astuple(self._spent)
        seconds = round(self._elapsed(), 3)
        return {"calls": calls, "tokens": tokens, "cost": cost / _UNITS_PER_USD, "seconds": seconds}

    def remaining(self) -> dict[str, float | None]:
        """What is left beside that which is in flight, under the same keys; None where there is no limit."""
        used = self._spent + self._in_flight
        cost = _left(self._max_units, used.cost)
        return {
            "calls": _left(self._max_calls, used.calls),
            "tokens": _left(self._max_tokens, used.tokens),
            "cost": None if cost is None else cost / _UNITS_PER_USD,
            "seconds": _left(self._max_seconds, round(self._elapsed(), 3)),
        }

    async def _wait(self, need: _Amount) -> None:
        waiter = _Waiter(need, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        left = None if self._max_seconds is None else self._max_seconds - self._elapsed()
        try:
            async with asyncio.timeout(left):
                await waiter.turn
        except BaseException as error:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._close(need, _Amount())  # its turn came in the same moment
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
                self._admit()
            if isinstance(error, TimeoutError):
                raise self._time_is_up() from None
            raise

    def _admit(self) -> None:
        """Let in who fits, in order; send away who never will."""
        for waiter in list(self._waiters):
            try:
                self._refuse(waiter.need)
            except BudgetExhausted as refusal:
                self._waiters.remove(waiter)
                if not waiter.turn.done():
                    waiter.turn.set_exception(refusal)
        while self._waiters and self._fits(self._waiters[0].need):
            waiter = self._waiters.popleft()
            if not waiter.turn.done():
                self._in_flight += waiter.need
                waiter.turn.set_result(None)

    def _close(self, held: _Amount, used: _Amount) -> None:
        self._in_flight -= held
        self._spent += used
        self._admit()

    def _fits(self, need: _Amount) -> bool:
        return self._over(self._spent + self._in_flight + need) is None

    def _over(self, total: _Amount) -> BudgetLimit | None:
        limits: tuple[tuple[BudgetLimit, int | None, int], ...] = (
            ("calls", self._max_calls, total.calls),
            ("tokens", self._max_tokens, total.tokens),
            ("cost", self._max_units, total.cost),
        )
        return next((name for name, limit, value in limits if limit is not None and value > limit), None)

    def _refuse(self, need: _Amount) -> None:
        if self._max_seconds is not None and self._elapsed() >= self._max_seconds:
            raise self._time_is_up()
        limit = self._over(self._spent + need)
        if limit is None:
            return
        calls, tokens, cost = astuple(self._spent)
        message = {
            "calls": f"The budget of {self._max_calls} language-model calls is used up: {calls} are spent.",
            "tokens": f"The budget of {self._max_tokens} tokens has no room for the next call: {tokens} are spent "
            f"and the call may take {need.tokens}.",
            "cost": f"The budget of {self._max_cost} USD has no room for the next call: "
            f"{cost / _UNITS_PER_USD:.6g} are spent and the call may take {need.cost / _UNITS_PER_USD:.6g}.",
        }
        raise BudgetExhausted(message[limit], limit)

    def _time_is_up(self) -> BudgetExhausted:
        return BudgetExhausted(f"The time budget of {self._max_seconds:g} seconds is used up.", "seconds")

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def _units(cost: float) -> int:
    return round(cost * _UNITS_PER_USD)


def _whole_units(limit: float) -> int:
    """The limit in units, never more than it."""
    return int((Decimal(repr(limit)) * _UNITS_PER_USD).to_integral_value(ROUND_FLOOR))


def _left(limit: float | None, used: float) -> float | None:
    return None if limit is None else max(limit - used, 0)
