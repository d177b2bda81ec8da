"""The account of a job: what it may spend, what is set aside for the gate, what was spent.

Room is reserved before a request is sent and settled after, so that calls, tokens and money never exceed their
limits. All are charged whether the answer came from the endpoint or from the cache on disk: the same job with the
same budget takes the same steps on a cold and on a warm cache, and a resumed one the same as an uninterrupted one.
`calls` are answers of the task model (of search and gate); proposals and a judge's verdicts are counted apart, while
their tokens and money count in the totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from whetstone.errors import InvalidInputError
from whetstone.lm.budget import Budget, Reservation
from whetstone.lm.types import ChatRequest, ChatResponse, Completer
from whetstone.lm.wire import max_prompt_tokens
from whetstone.optimize.engine.accounts import Account, Spending, answered
from whetstone.optimize.spec import BudgetLimits

_GATE_MARGIN = 1.25  # the gate's calls may be slower than those seen so far
_GATE_SECONDS = 1.0  # besides its calls: finishing those in flight, the statistics

Purpose = Literal["search", "gate", "teacher", "proposals", "judge"]
_ANSWERS: tuple[Purpose, ...] = ("search", "gate", "teacher")

Tariff = Callable[[int, int], float]
"""US dollars for so many prompt and completion tokens."""


class Ledger:
    """Spending of one job by purpose, against its limits.

    `search_calls` and `gate_calls` are what search and gate may make, `gate_tokens` an estimate of the gate's
    tokens, of which `gate_answer_tokens` are the answers' and `largest_call` are held for its last call; `tariffs`
    prices a purpose's model. Raises `InvalidInputError` for a limit in money without a price.
    """

    def __init__(
        self,
        limits: BudgetLimits,
        *,
        search_calls: int,
        gate_calls: int,
        gate_tokens: int = 0,
        gate_answer_tokens: int = 0,
        largest_call: int = 0,
        width: int,
        tariffs: Mapping[Purpose, Tariff | None],
    ) -> None:
        unpriced = sorted(purpose for purpose, tariff in tariffs.items() if tariff is None)
        if limits.max_cost is not None and unpriced:
            raise InvalidInputError(
                f"maxCost needs the price of every model: none is known for that of {', '.join(unpriced)}. "
                "Set WHETSTONE_LM_PRICES, or limit maxTokens instead"
            )
        self.limits = limits
        self.gate_calls = gate_calls
        self.accounts: dict[Purpose, Account] = {}
        self._search_calls = search_calls
        self._width = width
        self.tariffs = tariffs
        self._gate_tokens = gate_tokens
        self._largest_call = largest_call
        self._gate_cost = self._cost("gate", gate_tokens - gate_answer_tokens, gate_answer_tokens)
        self._gate_open = False
        self._budget = self._renewed(calls=0, tokens=0, cost=0.0)

    def _renewed(self, **spent: float) -> Budget:
        """The budget with so much spent; nothing may be in flight."""
        limits, gate = self.limits, self._gate_open
        return Budget(
            max_calls=self._search_calls + (self.gate_calls if gate else 0),
            max_tokens=_less(limits.max_tokens, 0 if gate else self._gate_tokens),
            max_cost=_less(limits.max_cost, 0 if gate else self._gate_cost),
            spent=spent,
        )

    def _book(self, *, calls: int, tokens: int, cost: float) -> None:
        """Charge what was spent in an earlier attempt."""
        spent = self._budget.spent()
        self._budget = self._renewed(
            calls=spent["calls"] + calls, tokens=spent["tokens"] + tokens, cost=spent["cost"] + cost
        )

    @property
    def search(self) -> Account:
        """The search's account."""
        return self.account("search")

    def account(self, purpose: Purpose) -> Account:
        """The account of `purpose`."""
        return self.accounts.setdefault(purpose, Account())

    def open_gate(self) -> None:
        """The search is over: what was set aside may be spent now."""
        self._gate_open = True
        self._book(calls=0, tokens=0, cost=0.0)

    async def complete(self, purpose: Purpose, client: Completer, request: ChatRequest) -> ChatResponse:
        """The answer of `client`, its room held while it is in flight; raises what the client raises.

        Raises `BudgetExhausted` where there is no room: nothing was sent. The caller notes the cost (see `note`).
        """
        async with await self._reserve(purpose, request) as reservation:
            response = await client.complete(request)
            usage = response.usage
            cost = self._cost(purpose, usage.prompt_tokens, usage.completion_tokens)
            reservation.settle(tokens=usage.total_tokens, cost=cost)
        return response

    async def _reserve(self, purpose: Purpose, request: ChatRequest) -> Reservation:
        tokens, cost = 0, 0.0
        if self.limits.max_tokens is not None or self.limits.max_cost is not None:
            tokens = room_held(request)
            cost = self._cost(purpose, tokens - request.max_tokens, request.max_tokens)
        return await self._budget.reserve(calls=int(purpose in _ANSWERS), tokens=tokens, cost=cost)

    def note(self, purpose: Purpose, rows: Iterable[Spending], *, replayed: bool = False) -> None:
        """Add the calls of a step to the account of `purpose`; `replayed`: an earlier attempt made them."""
        spent = Account()
        for row in rows:
            spent.calls += answered(row)
            spent.cache_hits += row.cached
            spent.failed += row.failed
            spent.prompt_tokens += row.prompt_tokens
            spent.completion_tokens += row.completion_tokens
            spent.cost += self._cost(purpose, row.prompt_tokens, row.completion_tokens)
            spent.latency_ms += row.latency_ms
        self.account(purpose).add(spent)
        if replayed:
            self._book_again(purpose, spent)

    def replay_judge(self, spent: Account) -> None:
        """Book what judging a step cost in an earlier attempt."""
        self.account("judge").add(spent)
        self._book_again("judge", spent)

    def _book_again(self, purpose: Purpose, spent: Account) -> None:
        calls = spent.calls if purpose in _ANSWERS else 0
        self._book(calls=calls, tokens=spent.tokens, cost=spent.cost)

    def search_calls_made(self) -> int:
        """Answers that the search has had, its teacher's included."""
        return self.search.calls + self.account("teacher").calls

    def search_calls_left(self) -> int:
        """Answers that the search may still ask for."""
        return max(0, self._search_calls - self.search_calls_made())

    def proposals_left(self) -> int | None:
        """Proposals that may still be asked for; None is no limit."""
        limit = self.limits.max_proposals
        return None if limit is None else max(0, limit - self.account("proposals").calls)

    def affordable_calls(self, tokens_a_call: float, gate_call: float = 0.0) -> int:
        """Calls that the search may still make when each takes `tokens_a_call` tokens, and each of the gate's at least
        `gate_call`."""
        calls, limits = self.search_calls_left(), self.limits
        gate = max(self._gate_tokens, gate_call * self.gate_calls + self._largest_call)
        if limits.max_tokens is not None:
            calls = min(calls, max(0, int((limits.max_tokens - self.tokens() - gate) / tokens_a_call)))
        if limits.max_cost is not None and (price := self._price()) > 0:
            left = (limits.max_cost - self.cost()) / price - gate
            calls = min(calls, max(0, int(left / tokens_a_call)))
        return calls

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
        """Why a search step of this size must not start (`budget_calls`, `budget_tokens`, `budget_cost`,
        `budget_seconds`).

        `tokens` is the step's estimate. The gate's share is kept back: its calls exactly, its tokens and seconds
        by the most expensive or the mean call so far.
        """
        limits = self.limits
        if calls > self.search_calls_left():
            return "budget_calls"
        per_call = max(self._mean(self.search.tokens), tokens / max(calls, 1))
        needed = tokens + per_call * self.gate_calls + self._largest_call
        if limits.max_tokens is not None and self.tokens() + needed > limits.max_tokens:
            return "budget_tokens"
        if limits.max_cost is not None and self.cost() + needed * self._price() > limits.max_cost:
            return "budget_cost"
        if limits.max_seconds is not None:
            seconds = _GATE_SECONDS + _GATE_MARGIN * self.seconds_of(self.gate_calls)
            if elapsed_seconds + seconds > limits.max_seconds:
                return "budget_seconds"
        return None

    def seconds_of(self, calls: int) -> float:
        """Estimated wall time of `calls` calls at the mean latency so far (0 before the first)."""
        return self._mean(self.search.latency_ms) / 1000 * calls / self._width

    def tokens(self) -> int:
        """Tokens of all purposes so far."""
        return sum(account.tokens for account in self.accounts.values())

    def cost(self) -> float:
        """US dollars of all purposes so far."""
        return sum(account.cost for account in self.accounts.values())

    def used(self) -> dict[str, Any]:
        """What is spent, in short, for progress events."""
        answers = sum(self.account(purpose).calls for purpose in _ANSWERS)
        return {
            "calls": answers,
            "maxCalls": self._search_calls + self.gate_calls,
            "tokens": self.tokens(),
            "usd": self._usd(),
            "proposals": self.account("proposals").calls,
        }

    def to_dict(self, elapsed_seconds: float) -> dict[str, Any]:
        """The artifact's `budget`."""
        spent = {
            purpose: account.to_dict()
            for purpose, account in self.accounts.items()
            if account.calls or account.failed
        }
        return {
            "limit": self.limits.model_dump(by_alias=True),
            "searchCalls": self._search_calls,
            "reservedForGate": {"calls": self.gate_calls, "tokens": self._gate_tokens},
            "spent": {"search": Account().to_dict(), "gate": Account().to_dict(), **spent},
            "total": {"tokens": self.tokens(), "usd": self._usd()},
            "seconds": round(elapsed_seconds, 1),
        }

    def _usd(self) -> float | None:
        """US dollars so far; None where a price is unknown."""
        return None if None in self.tariffs.values() else round(self.cost(), 6)

    def _cost(self, purpose: Purpose, prompt_tokens: int, completion_tokens: int) -> float:
        tariff = self.tariffs.get(purpose)
        return 0.0 if tariff is None else tariff(prompt_tokens, completion_tokens)

    def _price(self) -> float:
        """US dollars a token: the mean so far; before the first call that of a prompt with an answer a ninth as long."""
        tokens = self.tokens()
        return self.cost() / tokens if tokens else self._cost("search", 9, 1) / 10

    def _mean(self, total: float) -> float:
        return total / self.search.calls if self.search.calls else 0.0


def room_held(request: ChatRequest) -> int:
    """Tokens that are reserved for a request while it is in flight: more than it can take."""
    return max_prompt_tokens(request) + request.max_tokens


def _less(limit: Any, share: float) -> Any:
    return None if limit is None else max(limit - share, 0)
