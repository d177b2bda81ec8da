"""Scores candidates on rows: every (candidate, row) pair of a step in one bounded gather.

A failed call is never a low score. Its row has no score, and an evaluation with more than 2 % of such rows is
invalid and cannot be compared with anything.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from whetstone.datasets.expected import answer_text
from whetstone.lm.errors import LMError, LMRequestError, LocalModelFailedError, LocalModelMissingError
from whetstone.lm.types import ChatResponse, Completer
from whetstone.optimize.engine.accounts import Account
from whetstone.optimize.engine.evaluation import Evaluation, RowResult, StepResult
from whetstone.optimize.engine.gather import Gather, OnRow, Pair, Stop, UnusableError
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger, Purpose
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.metrics import Answer
from whetstone.optimize.metrics.scorer import MetricError, Scorer
from whetstone.optimize.rows.examples import Example

_MAX_FEEDBACK = 800

Work = Sequence[tuple[Candidate, Sequence[Example]]]


def _never(_done: int) -> bool:
    return False


def _silent(_candidate: Candidate, _row: RowResult, _done: int, _wanted: int) -> None:
    pass


class Evaluator:
    """Runs steps through a language model, keeps each row's result, and records each step in the journal.

    A row that was scored under the same candidate before is not asked again. `width` bounds the calls of a step
    that are in flight.
    """

    def __init__(
        self, client: Completer, scorer: Scorer, journal: Journal, ledger: Ledger, *, width: int
    ) -> None:
        self.width = width
        self._client = client
        self._scorer = scorer
        self._journal = journal
        self._ledger = ledger
        self._known: dict[tuple[str, str, int], RowResult] = {}

    def pending(self, work: Work, repeats: int = 1) -> Iterator[Pair]:
        """What of `work` has no result yet, candidate by candidate (so that a server's prefix cache meets the same
        prompt many times in a row)."""
        seen: set[tuple[str, str, int]] = set()
        for candidate, examples in work:
            for example in examples:
                for repeat in range(repeats):
                    key = (candidate.id, example.id, repeat)
                    if key not in self._known and key not in seen:
                        seen.add(key)
                        yield Pair(candidate, example, repeat)

    def cost(self, work: Work, repeats: int = 1) -> int:
        """Calls that evaluating `work` takes."""
        return sum(1 for _ in self.pending(work, repeats))

    async def evaluate(
        self,
        step: str,
        work: Work,
        *,
        required: Collection[Candidate] = (),
        purpose: Purpose = "search",
        stop: Stop = _never,
        on_row: OnRow = _silent,
        repeats: int = 1,
    ) -> StepResult:
        """Score every pair of `work`; `on_row(candidate, row, done, wanted)` is told of each call that is made.

        Ends early, with what there is, when the budget does, or once `stop(done)`, asked before each call, says that
        time is up. Raises `InvalidEvaluationError` when the endpoint gives no answer at all, or when too many calls
        of a `required` candidate fail; such a step is not recorded, so that a resumed run tries it again.
        """
        replayed = self._journal.recorded(step) is not None

        async def gather() -> dict[str, Any]:
            judged = replace(self._ledger.account("judge"))
            pairs = list(self.pending(work, repeats))
            wanted = {c.id: len(examples) * repeats for c, examples in work}
            failed = {c.id: self.collect(c, examples, repeats).failed for c, examples in work}
            found = await Gather(
                pairs,
                lambda pair: self._ask(pair, purpose),
                width=self.width,
                stop=stop,
                on_row=on_row,
                wanted=wanted,
                failed=failed,
            ).run()
            if found["stopped"] is None:
                self._require(found["rows"], work, required, repeats)
            spent = self._ledger.account("judge").since(judged)
            return {**found, "judge": asdict(spent)} if spent.calls else found

        done = await self._journal.step(step, "evaluation", gather)
        if replayed and "judge" in done:
            self._ledger.replay_judge(Account(**done["judge"]))
        for candidate_id, rows in done["rows"].items():
            results = [RowResult(**row) for row in rows]
            self._ledger.note(purpose, results, replayed=replayed)
            self._known.update({(candidate_id, row.example, row.repeat): row for row in results})
        evaluations = {c.id: self.collect(c, examples, repeats) for c, examples in work}
        return StepResult(evaluations, done["stopped"])

    def _require(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        work: Work,
        required: Collection[Candidate],
        repeats: int,
    ) -> None:
        needed = {candidate.id for candidate in required}
        for candidate, examples in work:
            if candidate.id in needed:
                new = tuple(RowResult(**row) for row in rows.get(candidate.id, ()))
                known = self.collect(candidate, examples, repeats)
                Evaluation(candidate, (*known.rows, *new), known.wanted).require_valid("A prompt")

    def collect(self, candidate: Candidate, examples: Sequence[Example], repeats: int = 1) -> Evaluation:
        """What is known of `candidate` on `examples`."""
        keys = ((candidate.id, example.id, repeat) for example in examples for repeat in range(repeats))
        rows = (self._known.get(key) for key in keys)
        return Evaluation(candidate, tuple(row for row in rows if row is not None), len(examples) * repeats)

    async def _ask(self, pair: Pair, purpose: Purpose) -> RowResult:
        """One call and its score. `BudgetExhausted` passes; a failure is in the result."""
        started = time.monotonic()
        request = pair.candidate.request(pair.example, pair.repeat)
        row = RowResult(pair.example.id, None, repeat=pair.repeat)
        try:
            response = await self._ledger.complete(purpose, self._client, request)
            row = _answered(row, response)
            score = await self._scorer.score(
                pair.example, Answer(response.text, tuple(response.tool_calls or ()))
            )
        except (LMError, MetricError) as error:
            elapsed = (time.monotonic() - started) * 1000
            row = replace(row, error=str(error), latency_ms=row.latency_ms or elapsed)
            if _concerns_every_call(error):
                raise UnusableError(row) from error
            return row
        feedback = score.feedback[:_MAX_FEEDBACK]
        return replace(row, score=score.value, feedback=feedback, objectives=score.objectives)


def _answered(row: RowResult, response: ChatResponse) -> RowResult:
    """The row with what was answered and what that cost, which counts also where no score comes of it."""
    return replace(
        row,
        answer=answer_text(response.text, response.tool_calls),
        prompt_tokens=response.usage.prompt_tokens,
        completion_tokens=response.usage.completion_tokens,
        latency_ms=response.latency_ms,
        cached=response.cached,
    )


def _concerns_every_call(error: Exception) -> bool:
    """Whether key, money, model or address is wrong, so that asking on is of no use."""
    if isinstance(error, LMRequestError):
        return error.concerns_every_request
    return isinstance(error, LocalModelMissingError | LocalModelFailedError)
