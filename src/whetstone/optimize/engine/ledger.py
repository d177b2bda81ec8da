"""The account of a job: what it may spend, what is set aside for the gate, what was spent.

Calls and tokens are charged whether the answer came from the endpoint or from the cache on disk, so that the same
job with the same budget takes the same steps on a cold and on a warm cache, and a resumed one the same as an
uninterrupted one. The LM client's own budget guards the calls that really go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from whetstone.optimize.spec import BudgetLimits

_GATE_MARGIN = 1.25  # the gate's calls may be slower than those seen so far
_GATE_SECONDS = 1.0  # besides its calls: finishing those in flight, the statistics


class Spending(Protocol):
    """The cost of one call, successful or not."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def cached(self) -> bool: ...
    @property
    def failed(self) -> bool: ...


@dataclass(slots=True)
class Account:
    """Totals of one purpose (search, gate)."""

    calls: int = 0
    cache_hits: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def charge(self, row: Spending) -> None:
        """Add one call."""
        self.calls += 1
        self.cache_hits += row.cached
        self.failed += row.failed
        self.prompt_tokens += row.prompt_tokens
        self.completion_tokens += row.completion_tokens
        self.latency_ms += row.latency_ms

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `calls` includes the `cacheHits`, which cost nothing, and the `failed` ones."""
        return {
            "calls": self.calls,
            "cacheHits": self.cache_hits,
            "failed": self.failed,
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
        }


class Ledger:
    """Spending of one job by purpose, against its limits."""

    def __init__(
        self, limits: BudgetLimits, *, gate_calls: int, width: int, tokens_in_flight: int = 0
    ) -> None:
        """`tokens_in_flight`: room that the LM client holds for unanswered calls, which can take up to the longest
        answer each."""
        self.limits = limits
        self.gate_calls = gate_calls
        self.search = Account()
        self.gate = Account()
        self._width = width
        self._tokens_in_flight = tokens_in_flight

    def charge(self, purpose: str, rows: Iterable[Spending]) -> None:
        """Book the calls of one step under `search` or `gate`."""
        account = self.gate if purpose == "gate" else self.search
        for row in rows:
            account.charge(row)

    def search_calls(self) -> int | None:
        """Calls that the search may still make; None is no limit."""
        if self.limits.max_calls is None:
            return None
        return max(0, self.limits.max_calls - self.gate_calls - self.search.calls)

    def affordable_calls(self, tokens_a_call: float) -> int | None:
        """Calls that the search may still make when each takes `tokens_a_call` tokens; None is no limit."""
        limits = [] if self.search_calls() is None else [self.search_calls()]
        if self.limits.max_tokens is not None:
            tokens = self.limits.max_tokens - self.search.tokens - self._tokens_in_flight
            calls = int(tokens / tokens_a_call)
            limits.append(max(0, calls - self.gate_calls))
        return min((each for each in limits if each is not None), default=None)

    def search_clock(self, elapsed: Callable[[], float]) -> Callable[[int], bool]:
        """A clock for one step of the search: given the calls done, whether what is left of the time is only
        enough for the gate, at the pace of this step. `elapsed` tells the job's seconds."""
        limit = self.limits.max_seconds
        started = elapsed()

        def time_is_up(done: int) -> bool:
            if limit is None:
                return False
            # Calls that run at once also end at once: the first of them says little about the pace.
            pace = (elapsed() - started) / (done + self._width - 1) if done else self.seconds_of(1)
            return elapsed() + _GATE_SECONDS + _GATE_MARGIN * pace * self.gate_calls >= limit

        return time_is_up

    def gate_clock(self, elapsed: Callable[[], float]) -> Callable[[int], bool]:
        """A clock for the gate: whether the time is up. A call that is under way is not cut off."""
        limit = self.limits.max_seconds
        return lambda _done: limit is not None and elapsed() >= limit

    def why_not(self, calls: int, tokens: float, elapsed_seconds: float) -> str | None:
        """Why a search step of this size must not start (`budget_calls`, `budget_tokens`, `budget_seconds`).

        `tokens` is the step's estimate. The gate's share is kept back: its calls exactly, its tokens and seconds
        by the most expensive or the mean call so far.
        """
        limits = self.limits
        left = self.search_calls()
        if left is not None and calls > left:
            return "budget_calls"
        if limits.max_tokens is not None:
            per_call = max(self._mean(self.search.tokens), tokens / max(calls, 1))
            needed = tokens + per_call * self.gate_calls + self._tokens_in_flight
            if self.search.tokens + needed > limits.max_tokens:
                return "budget_tokens"
        if limits.max_seconds is not None:
            seconds = _GATE_SECONDS + _GATE_MARGIN * self.seconds_of(self.gate_calls)
            if elapsed_seconds + seconds > limits.max_seconds:
                return "budget_seconds"
        return None

    def seconds_of(self, calls: int) -> float:
        """Estimated wall time of `calls` calls at the mean latency so far (0 before the first)."""
        return self._mean(self.search.latency_ms) / 1000 * calls / self._width

    def _mean(self, total: float) -> float:
        return total / self.search.calls if self.search.calls else 0.0

    def to_dict(self, elapsed_seconds: float) -> dict[str, Any]:
        """The artifact's `budget`."""
        return {
            "limit": self.limits.model_dump(by_alias=True),
            "reservedForGate": {"calls": self.gate_calls},
            "spent": {"search": self.search.to_dict(), "gate": self.gate.to_dict()},
            "seconds": round(elapsed_seconds, 1),
        }
