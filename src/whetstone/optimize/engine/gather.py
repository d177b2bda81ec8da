"""One step of evaluation in progress."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from whetstone.lm.errors import BudgetExhausted
from whetstone.optimize.engine.evaluation import (
    MAX_ERROR_RATE,
    InvalidEvaluationError,
    RowResult,
    why_invalid,
)
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.rows.examples import Example

OnRow = Callable[[Candidate, RowResult, int, int], None]
Stop = Callable[[int], bool]


class Pair(NamedTuple):
    """One answer to ask for."""

    candidate: Candidate
    example: Example
    repeat: int


class UnusableError(Exception):
    """An answer failed for a reason that every further one would meet; `row` says which."""

    def __init__(self, row: RowResult) -> None:
        super().__init__(row.error)
        self.row = row


class Gather:
    """`width` workers draw pairs until none are left or something ends it.

    `ask` may raise `BudgetExhausted`, which ends the step, and `UnusableError`, which fails it. `stop(done)` is
    asked before each call, `on_row(candidate, row, done, wanted)` told of each answer. `wanted` is the number of
    answers wanted of each candidate, `failed` how many are known to have failed before.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        ask: Callable[[Pair], Awaitable[RowResult]],
        *,
        width: int,
        stop: Stop,
        on_row: OnRow,
        wanted: Mapping[str, int],
        failed: Mapping[str, int],
    ) -> None:
        self._pairs = pairs
        self._ask = ask
        self._width = width
        self._stop = stop
        self._on_row = on_row
        self._allowed = {candidate: MAX_ERROR_RATE * answers for candidate, answers in wanted.items()}
        self._failed = Counter(failed)
        self._rows: list[tuple[int, str, RowResult]] = []
        self._answered = 0
        self._stopped: str | None = None

    async def run(self) -> dict[str, Any]:
        """The step's journal entry: `rows` by candidate in the order of the pairs, and why it `stopped`."""
        queue = iter(enumerate(self._pairs))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._width, len(self._pairs))):
                group.create_task(self._work(queue))
        if self._stopped == "no_answer" or (self._rows and not self._answered):
            results = [row for _, _, row in self._rows]
            raise InvalidEvaluationError(f"The model gave no answer: {why_invalid(results, len(results))}")
        rows: dict[str, list[dict[str, Any]]] = {pair.candidate.id: [] for pair in self._pairs}
        for _, candidate, row in sorted(self._rows, key=lambda found: found[0]):
            rows[candidate].append(row.to_dict())
        return {"rows": rows, "stopped": self._stopped}

    async def _work(self, queue: Iterator[tuple[int, Pair]]) -> None:
        for place, pair in queue:
            if self._stopped is None and self._stop(len(self._rows)):
                self._stopped = "budget_seconds"
            if self._stopped is not None:
                return
            if self._hopeless(pair.candidate.id):
                continue
            try:
                row = await self._ask(pair)
            except BudgetExhausted as error:
                self._stopped = f"budget_{error.limit}"
                return
            except UnusableError as error:
                self._stopped = "no_answer"
                row = error.row
            self._take(place, pair.candidate, row)

    def _take(self, place: int, candidate: Candidate, row: RowResult) -> None:
        self._rows.append((place, candidate.id, row))
        self._failed[candidate.id] += row.failed
        self._answered += not row.failed
        if not self._answered and len(self._rows) >= self._width:
            self._stopped = "no_answer"
        self._on_row(candidate, row, len(self._rows), len(self._pairs))

    def _hopeless(self, candidate: str) -> bool:
        """Whether the candidate's evaluation is invalid whatever its other rows give; they are not paid for."""
        return self._failed[candidate] > self._allowed[candidate]
