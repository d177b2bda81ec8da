"""Scores candidates on rows: every (candidate, row) pair of a step in one bounded gather.

A failed call is never a low score. Its row has no score, and an evaluation with more than 2 % of such rows is
invalid and cannot be compared with anything.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from whetstone.lm.client import LMClient
from whetstone.lm.errors import (
    BudgetExhausted,
    LMError,
    LMRequestError,
    LocalModelFailedError,
    LocalModelMissingError,
)
from whetstone.optimize.engine.evaluation import (
    MAX_ERROR_RATE,
    Evaluation,
    InvalidEvaluationError,
    RowResult,
    StepResult,
    why_invalid,
)
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.metrics import Answer, Metric
from whetstone.optimize.rows.examples import Example

_MAX_FEEDBACK = 500

Work = Sequence[tuple[Candidate, Sequence[Example]]]

OnRow = Callable[[Candidate, RowResult, int, int], None]
Stop = Callable[[int], bool]


def _never(_done: int) -> bool:
    return False


class Evaluator:
    """Runs steps through the LM client, keeps each row's result, and records each step in the journal.

    A row that was scored under the same candidate before is not asked again.
    """

    def __init__(
        self,
        client: LMClient,
        metric: Metric,
        journal: Journal,
        ledger: Ledger,
        *,
        width: int,
    ) -> None:
        self._client = client
        self._metric = metric
        self._journal = journal
        self._ledger = ledger
        self.width = width
        self.unusable = False
        self._known: dict[tuple[str, str], RowResult] = {}

    def pending(self, work: Work) -> Iterator[tuple[Candidate, Example]]:
        """The pairs of `work` that have no result yet, candidate by candidate (so that a server's prefix cache
        meets the same prompt many times in a row)."""
        seen: set[tuple[str, str]] = set()
        for candidate, examples in work:
            for example in examples:
                key = (candidate.id, example.id)
                if key not in self._known and key not in seen:
                    seen.add(key)
                    yield candidate, example

    async def evaluate(
        self,
        step: str,
        work: Work,
        *,
        required: Collection[Candidate] = (),
        purpose: str = "search",
        stop: Stop = _never,
        on_row: OnRow = lambda _candidate, _row, _done, _wanted: None,
    ) -> StepResult:
        """Score every pair of `work`; `on_row(candidate, row, done, wanted)` is told of each call that is made.

        Ends early, with what there is, when the budget does, or once `stop(done)`, asked before each call, says that
        time is up. Raises `InvalidEvaluationError` when the endpoint gives no answer at all, or when too many calls
        of a `required` candidate fail; such a step is not recorded, so that a resumed run tries it again.
        """

        async def gather() -> dict[str, Any]:
            found = await _Gather(self, work, stop, on_row).run()
            if found["stopped"] is None:
                self._require(found["rows"], work, required)
            return found

        done = await self._journal.step(step, "evaluation", gather)
        for candidate_id, rows in done["rows"].items():
            results = [RowResult(**row) for row in rows]
            self._ledger.charge(purpose, results)
            self._known.update({(candidate_id, row.example): row for row in results})
        return StepResult({c.id: self.collect(c, examples) for c, examples in work}, done["stopped"])

    def _require(
        self, rows: Mapping[str, Sequence[Mapping[str, Any]]], work: Work, required: Collection[Candidate]
    ) -> None:
        needed = {candidate.id for candidate in required}
        for candidate, examples in work:
            if candidate.id in needed:
                new = tuple(RowResult(**row) for row in rows.get(candidate.id, ()))
                known = self.collect(candidate, examples).rows
                Evaluation(candidate, (*known, *new), len(examples)).require_valid("A prompt")

    def collect(self, candidate: Candidate, examples: Sequence[Example]) -> Evaluation:
        """What is known of `candidate` on `examples`."""
        rows = (self._known.get((candidate.id, example.id)) for example in examples)
        return Evaluation(candidate, tuple(row for row in rows if row is not None), len(examples))

    @property
    def exhausted(self) -> str:
        """Which limit ended the budget: `calls` or `tokens`."""
        return "calls" if self._client.budget.remaining()["calls"] == 0 else "tokens"

    async def ask(self, candidate: Candidate, example: Example) -> RowResult:
        """One call and its score. `BudgetExhausted` passes; any other failure of the call is in the result."""
        started = time.monotonic()
        try:
            response = await self._client.complete(candidate.request(example))
        except BudgetExhausted:
            raise
        except LMError as error:
            self.unusable = self.unusable or _concerns_every_call(error)
            elapsed = (time.monotonic() - started) * 1000
            return RowResult(example.id, None, error=str(error), latency_ms=elapsed)
        score = self._metric(example.expected, Answer(response.text, tuple(response.tool_calls or ())))
        return RowResult(
            example=example.id,
            score=score.value,
            feedback=score.feedback[:_MAX_FEEDBACK],
            answer=response.text,
            prompt_tokens=response.usage.prompt_tokens,
            completion_tokens=response.usage.completion_tokens,
            latency_ms=response.latency_ms,
            cached=response.cached,
        )


class _Gather:
    """One step in progress: a fixed number of workers draw pairs until none are left or something ends it."""

    def __init__(self, evaluator: Evaluator, work: Work, stop: Stop, on_row: OnRow) -> None:
        self._evaluator = evaluator
        self._pairs = list(evaluator.pending(work))
        self._stop = stop
        self._on_row = on_row
        self._allowed = {c.id: MAX_ERROR_RATE * len(examples) for c, examples in work}
        self._failed = Counter({c.id: evaluator.collect(c, examples).failed for c, examples in work})
        self._order = {(c.id, e.id): index for index, (c, e) in enumerate(self._pairs)}
        self._rows: dict[str, list[RowResult]] = {candidate.id: [] for candidate, _ in self._pairs}
        self._finished = self._answered = 0
        self._stopped: str | None = None

    async def run(self) -> dict[str, Any]:
        """The step's journal entry."""
        queue = iter(self._pairs)
        width = min(self._evaluator.width, len(self._pairs))
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(self._work(queue))
        results = [row for rows in self._rows.values() for row in rows]
        if self._stopped == "no_answer" or (results and not self._answered):
            raise InvalidEvaluationError(f"The model gave no answer: {why_invalid(results, len(results))}")
        rows = {
            candidate: [asdict(row) for row in sorted(found, key=lambda r: self._order[candidate, r.example])]
            for candidate, found in self._rows.items()
        }
        return {"rows": rows, "stopped": self._stopped}

    async def _work(self, queue: Iterator[tuple[Candidate, Example]]) -> None:
        for candidate, example in queue:
            if self._stopped is None and self._stop(self._finished):
                self._stopped = "budget_seconds"
            if self._stopped is not None:
                return
            if self._hopeless(candidate.id):
                continue
            try:
                row = await self._evaluator.ask(candidate, example)
            except BudgetExhausted:
                self._stopped = f"budget_{self._evaluator.exhausted}"
                return
            self._take(candidate, row)

    def _take(self, candidate: Candidate, row: RowResult) -> None:
        self._rows[candidate.id].append(row)
        self._failed[candidate.id] += row.failed
        self._answered += not row.failed
        self._finished += 1
        if self._evaluator.unusable or (not self._answered and self._finished >= self._evaluator.width):
            self._stopped = "no_answer"
        self._on_row(candidate, row, self._finished, len(self._pairs))

    def _hopeless(self, candidate: str) -> bool:
        """Whether the candidate's evaluation is invalid whatever its other rows give; they are not paid for."""
        return self._failed[candidate] > self._allowed[candidate]


def _concerns_every_call(error: LMError) -> bool:
    """Whether the key, the model or the address is wrong, so that asking on is of no use."""
    if isinstance(error, LMRequestError):
        return error.http_status in (401, 403, 404)
    return isinstance(error, LocalModelMissingError | LocalModelFailedError)
