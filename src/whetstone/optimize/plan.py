"""What a job will cost, known before the first call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.ledger import Ledger, Purpose, Tariff, room_held
from whetstone.optimize.gate.power import Foresight, foresee
from whetstone.optimize.metrics.registry import JUDGE
from whetstone.optimize.models import ROLES, Models
from whetstone.optimize.optimizer import tokens_a_call
from whetstone.optimize.rows.loading import MIN_JUDGED_ROWS
from whetstone.optimize.setting import Setting, Start
from whetstone.optimize.spec import EFFORT_PASSES, BudgetLimits, NativeSpec, resolve_optimizer

_CALLS_A_PROPOSAL = 12
"""Answers that a search asks for beside each proposal, as a rule: a minibatch twice, a share of the validation."""
_PROPOSAL_TOKENS = 3000
_JUDGE_TOKENS = 800
"""Of a judgement beside the row and the answers: the rubric, the form, the verdict."""
_LARGEST_JUDGEMENT = 5000


@dataclass(frozen=True, slots=True)
class Plan:
    """The most that a job may do.

    `call_tokens` and `answer_tokens` are estimates of one call under today's prompt, `largest_call` the room that is
    held for the largest while it is in flight, `largest_answer` that of an answer, `judge_tokens` what judging an answer
    takes (0 without a judge), `smallest_search` the fewest calls with which the search starts. The teacher answers
    for demonstrations (`teaches`) or rows without a right answer (`teacher_gold`).
    """

    optimizer: str
    search_calls: int
    gate_calls: int
    proposals: int
    call_tokens: int
    answer_tokens: int
    largest_call: int
    largest_answer: int
    judge_tokens: int
    smallest_search: int
    foresight: Foresight
    teaches: bool
    teacher_gold: bool = False

    @property
    def gate_tokens(self) -> int:
        """Estimated tokens of the gate, with the room that its last call needs."""
        return self.gate_calls * (self.call_tokens + self.judge_tokens) + self.largest_call

    @property
    def gate_answer_tokens(self) -> int:
        """Those of them that are answers, which cost more."""
        return self.gate_calls * self.answer_tokens + self.largest_answer

    def purposes(self) -> tuple[Purpose, ...]:
        """What the job spends on."""
        found: list[Purpose] = ["search", "gate"]
        found += ["teacher"] if self.teaches or self.teacher_gold else []
        found += ["proposals"] if self.proposals else []
        found += ["judge"] if self.judge_tokens else []
        return tuple(found)

    def estimate(self, tariffs: Mapping[Purpose, Tariff | None]) -> dict[str, Any]:
        """The plan in numbers for a person: calls at most, tokens and US dollars estimated (None without a price).

        What a teacher's answers take is not in tokens and dollars.
        """
        calls = self.search_calls + self.gate_calls
        answers = calls * self.answer_tokens
        prompts = calls * (self.call_tokens - self.answer_tokens)
        thinking, judging = self.proposals * _PROPOSAL_TOKENS, calls * self.judge_tokens
        usd: float | None = 0.0
        parts: tuple[tuple[Purpose, int, int], ...] = (
            ("search", prompts, answers),
            ("proposals", thinking, thinking // 4),
            ("judge", judging, judging // 5),
        )
        for purpose, read, written in parts:
            tariff = tariffs.get(purpose)
            if purpose in tariffs:
                usd = None if usd is None or tariff is None else usd + tariff(read, written)
        return {
            "optimizer": self.optimizer,
            "calls": {"search": self.search_calls, "gate": self.gate_calls, "total": calls},
            "judgements": calls if self.judge_tokens else 0,
            "proposals": self.proposals,
            "tokens": prompts + answers + thinking * 5 // 4 + judging,
            "usd": None if usd is None else round(usd, 4),
            "power": self.foresight.to_dict(),
        }


def make_plan(spec: NativeSpec, start: Start, setting: Setting, metric: str) -> Plan:
    """The plan of a job scored by `metric`. Raises `InvalidInputError` when the budget does not carry the gate and the smallest search."""
    optimizer = resolve_optimizer(spec.optimizer)
    gate_calls = 2 * spec.repeats * len(setting.test)
    limit = spec.budget.max_calls
    search = EFFORT_PASSES[spec.effort] * len(setting.validation) if limit is None else limit - gate_calls
    needed = _smallest_search(optimizer, spec, start, len(setting.validation))
    if search < needed:
        chosen = f"effort {spec.effort} leaves it {search}" if limit is None else f"maxCalls is {limit}"
        raise InvalidInputError(
            f"The budget is too small: the gate makes {gate_calls} calls on the test rows, the smallest search {needed}, "
            f"and {chosen}. Allow at least {gate_calls + needed} calls, or lower maxTestRows"
        )
    judged = (*setting.validation, *setting.test)
    call = int(tokens_a_call([start.incumbent, start.baseline], judged)) + 1
    answer = sum(len(row.expected_text) for row in judged) // (3 * len(judged)) + 1
    proposals = 0 if optimizer == "bootstrap-fewshot" else max(1, search // _CALLS_A_PROPOSAL)
    if spec.budget.max_proposals is not None:
        proposals = min(proposals, spec.budget.max_proposals)
    judging = int(sum(row.tokens for row in judged) / len(judged)) + _JUDGE_TOKENS if metric == JUDGE else 0
    largest = max(room_held(start.incumbent.request(row)) for row in judged)
    return Plan(
        optimizer=optimizer,
        search_calls=search,
        gate_calls=gate_calls,
        proposals=proposals,
        call_tokens=call,
        answer_tokens=answer,
        largest_call=2 * largest + _LARGEST_JUDGEMENT if judging else largest,
        largest_answer=max(row.max_tokens for row in judged),
        judge_tokens=judging,
        smallest_search=needed,
        foresight=foresee([row.group for row in setting.test], spec.confidence),
        teaches=spec.few_shot.teacher and optimizer in ("bootstrap-fewshot", "auto"),
        teacher_gold=spec.teacher_gold,
    )


def open_ledger(plan: Plan, limits: BudgetLimits, models: Models) -> Ledger:
    """The account of a job. Raises `InvalidInputError` where the limits cannot be kept or carry no search."""
    tariffs: dict[Purpose, Tariff | None] = {
        purpose: models.tariff(ROLES[purpose]) for purpose in plan.purposes()
    }
    ledger = Ledger(
        limits,
        search_calls=plan.search_calls,
        gate_calls=plan.gate_calls,
        gate_tokens=plan.gate_tokens,
        gate_answer_tokens=plan.gate_answer_tokens,
        largest_call=plan.largest_call,
        width=models.width,
        tariffs=tariffs,
    )
    if ledger.affordable_calls(plan.call_tokens) < plan.smallest_search:
        raise InvalidInputError(
            f"The budget is too small: the gate and the smallest search make {plan.gate_calls + plan.smallest_search} "
            f"calls of about {plan.call_tokens} tokens each. Allow more tokens or money, or lower maxTestRows"
        )
    return ledger


def _smallest_search(optimizer: str, spec: NativeSpec, start: Start, validation: int) -> int:
    """The fewest calls with which the optimizer starts: those of today's prompts, and of one candidate."""
    fewest = min(validation, MIN_JUDGED_ROWS)
    prompts = len({start.incumbent.id, start.baseline.id})
    if optimizer == "prompt-evolution":
        return ((prompts + 1) * fewest + 2 * spec.evolution.minibatch) * spec.repeats
    if optimizer == "instruction-search":
        return (prompts + 1) * fewest * spec.repeats
    return 2 * fewest * spec.repeats
