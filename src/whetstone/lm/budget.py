"""A spending limit that is checked before each call, exact under concurrency."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from whetstone.lm.errors import BudgetExhausted


class Reservation:
    """Room for one call, held while it is in flight. A context manager: unsettled room is given back at its end."""

    def __init__(self, budget: Budget, tokens: int) -> None:
        self._budget = budget
        self._tokens = tokens
        self._open = True

    def settle(self, tokens: int) -> None:
        """Book the call and the `tokens` it really used in place of the estimate."""
        if self._open:
            self._open = False
            self._budget._close(self._tokens, calls=1, tokens=tokens)

    def release(self) -> None:
        """Give the room back: the call was not answered."""
        if self._open:
            self._open = False
            self._budget._close(self._tokens, calls=0, tokens=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Budget:
    """Limits on answered calls, tokens (prompt and completion) and seconds; None means unlimited.

    Calls never exceed their limit. Tokens are estimated when a call is let through, so they may end a little
    over theirs. Seconds are wall-clock time since the budget was made; a call that is under way at the end is
    not cut off. Safe for use from several tasks and threads. `spent`, as `spent()` gave it, carries on the
    account of an interrupted run.
    """

    def __init__(
        self,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        *,
        spent: Mapping[str, float] | None = None,
    ) -> None:
        before = spent or {}
        self._max_calls = max_calls
        self._max_tokens = max_tokens
        self._max_seconds = max_seconds
        self._calls = int(before.get("calls", 0))
        self._tokens = int(before.get("tokens", 0))
        self._started = time.monotonic() - float(before.get("seconds", 0))
        self._reserved_calls = 0
        self._reserved_tokens = 0
        self._lock = threading.Lock()

    def reserve(self, tokens: int) -> Reservation:
        """Room for one call of about `tokens` tokens.

        Raises:
            BudgetExhausted: it does not fit beside what is spent and in flight.
        """
        with self._lock:
            self._refuse_if_full(tokens)
            self._reserved_calls += 1
            self._reserved_tokens += tokens
        return Reservation(self, tokens)

    def spent(self) -> dict[str, float]:
        """`calls`, `tokens` and `seconds` used so far."""
        with self._lock:
            return {"calls": self._calls, "tokens": self._tokens, "seconds": round(self._elapsed(), 3)}

    def remaining(self) -> dict[str, float | None]:
        """What is left after calls in flight, under the same keys; None where there is no limit."""
        with self._lock:
            return {
                "calls": _left(self._max_calls, self._calls + self._reserved_calls),
                "tokens": _left(self._max_tokens, self._tokens + self._reserved_tokens),
                "seconds": _left(self._max_seconds, round(self._elapsed(), 3)),
            }

    def _refuse_if_full(self, tokens: int) -> None:
        if self._max_calls is not None and self._calls + self._reserved_calls >= self._max_calls:
            raise BudgetExhausted(f"The budget of {self._max_calls} language-model calls is used up.")
        used = self._tokens + self._reserved_tokens
        if self._max_tokens is not None and used + tokens > self._max_tokens:
            raise BudgetExhausted(
                f"The budget of {self._max_tokens} tokens has no room for the next call: "
                f"{used} are used or in flight and the call may take {tokens}."
            )
        if self._max_seconds is not None and self._elapsed() >= self._max_seconds:
            raise BudgetExhausted(f"The time budget of {self._max_seconds:g} seconds is used up.")

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _close(self, reserved: int, *, calls: int, tokens: int) -> None:
        with self._lock:
            self._reserved_calls -= 1
            self._reserved_tokens -= reserved
            self._calls += calls
            self._tokens += tokens


def _left(limit: float | None, used: float) -> float | None:
    return None if limit is None else max(limit - used, 0)
