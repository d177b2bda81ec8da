"""What an evolution spends: evaluations and proposals, always with the last validation kept back."""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import Evaluation, InvalidEvaluationError, RowResult
from whetstone.optimize.engine.evaluator import Work
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.plan import Plan
from whetstone.optimize.optimizer import SearchContext, tokens_a_call
from whetstone.optimize.rows.examples import Example

_MOST_FAILED = 3
"""Steps in a row that may fail altogether."""
_PROPOSAL_TOKENS = 2000


class Trials:
    """The rows of validation, and the ways to spend a budget on them and on proposals.

    `prefix` are the validation rows that rank every candidate, `full` those that decide. `stopped` is why the
    budget allows no more, once it does.
    """

    def __init__(self, context: SearchContext, plan: Plan) -> None:
        self.context = context
        self.plan = plan
        self.full = context.validation[: plan.validation]
        self.prefix = self.full[: plan.prefix]
        self.stopped: str | None = None
        self.proposed = False
        self._failed_asks = 0
        self._failed_steps = 0

    @property
    def ids(self) -> list[str]:
        """Of the prefix."""
        return [row.id for row in self.prefix]

    def free(self) -> int:
        """Calls that may be spent before the last validation."""
        return self.context.calls_left() - self.plan.reserve(len(self.prefix))

    def cost(self, work: Work) -> int:
        """Calls that evaluating `work` takes."""
        return self.context.evaluator.cost(work, self.plan.repeats)

    async def may_start(
        self, step: str, calls: int, candidates: Sequence[Candidate], proposals: int = 0
    ) -> bool:
        """Whether the budget carries a step, and the last validation after it; sets `stopped` if not."""
        reserve = max(0, self.plan.reserve(len(self.prefix)))
        tokens = (calls + reserve) * tokens_a_call(candidates, self.full) + proposals * _PROPOSAL_TOKENS
        self.stopped = await self.context.may_start(step, calls + reserve, tokens, later=reserve)
        return self.stopped is None

    async def may_end(self, step: str, calls: int, candidates: Sequence[Candidate]) -> bool:
        """Whether the budget carries the last validation of so many calls."""
        tokens = calls * tokens_a_call(candidates, self.full)
        return await self.context.may_start(step, calls, tokens) is None

    async def evaluate(self, step: str, work: Work, *, required: Sequence[Candidate] = ()) -> None:
        """Score `work` in one gather; what came of it is in `collect`.

        A step of which every call fails is passed over (a prompt may be more than the endpoint takes), unless it has
        a `required` candidate or it goes on: then `InvalidEvaluationError` is raised.
        """
        if not self.cost(work):
            return
        failure = f"{self.context.name(step)}/failure"
        try:
            if self.context.journal.recorded(failure) is not None:
                self._failed_steps += 1
                return
            await self._evaluate(step, work, required)
        except InvalidEvaluationError as error:
            self._failed_steps += 1
            if required or self._failed_steps >= _MOST_FAILED:
                raise
            await self._pass_over(failure, step, error)
        else:
            self._failed_steps = 0

    async def _evaluate(self, step: str, work: Work, required: Sequence[Candidate]) -> None:
        context = self.context
        spent = self.plan.total - context.calls_left()

        def on_row(_candidate: Candidate, _row: RowResult, done: int, wanted: int) -> None:
            share = (spent + done) / self.plan.total
            context.progress.tick("searching", share, f"{step}: {done} of {wanted} answers")

        result = await context.evaluator.evaluate(
            context.name(step),
            work,
            required=required,
            stop=context.clock(),
            on_row=on_row,
            repeats=self.plan.repeats,
        )
        self.stopped = self.stopped or result.stopped

    async def _pass_over(self, failure: str, step: str, error: InvalidEvaluationError) -> None:
        await self.context.journal.record(failure, "failure", {"error": error.message})
        self.context.progress.log(f"{step}: {error.message}")

    def collect(self, candidate: Candidate, rows: Sequence[Example]) -> Evaluation:
        """What is known of `candidate` on `rows`."""
        return self.context.evaluator.collect(candidate, rows, self.plan.repeats)

    def results(self, member: Member, rows: Sequence[Example]) -> dict[str, RowResult]:
        """The answer of `member` to each of `rows`; of several repeats, the worst."""
        found: dict[str, RowResult] = {}
        for row in self.collect(member.candidate, rows).rows:
            best = found.get(row.example)
            if row.score is not None and (best is None or best.score is None or row.score < best.score):
                found[row.example] = row
        return found

    async def ask(self, step: str, requests: Sequence[ChatRequest]) -> list[str | None]:
        """Answers of the reflection model, all asked at once.

        A step of which every call fails is passed over, unless nothing was ever answered or it goes on: then
        `InvalidEvaluationError` is raised.
        """
        context, name = self.context, self.context.name(step)
        failure = f"{name}/failure"
        if context.journal.recorded(failure) is not None:
            self._failed_asks += 1
            return [None] * len(requests)
        try:
            answers = await context.proposer.ask(name, requests)
        except InvalidEvaluationError as error:
            self._failed_asks += 1
            if not self.proposed or self._failed_asks >= _MOST_FAILED:
                raise
            await self._pass_over(failure, step, error)
            return [None] * len(requests)
        self._failed_asks = 0
        self.proposed = self.proposed or any(answer is not None for answer in answers)
        if context.ledger.proposals_left() == 0:
            self.stopped = self.stopped or "budget_proposals"
        return answers

    def affordable_proposals(self, wanted: int) -> int:
        """How many of `wanted` proposals the limit on them allows; sets `stopped` when it is none."""
        left = self.context.ledger.proposals_left()
        allowed = wanted if left is None else min(wanted, left)
        if allowed == 0:
            self.stopped = "budget_proposals"
        return allowed
