"""The proof: is the tuned model better than its base, beyond the luck of the test rows?"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.data.types import Example
from whetstone.finetune.engine import Engine
from whetstone.finetune.proof.answers import Answered, Say, answer_all
from whetstone.finetune.proof.choosing import spread
from whetstone.finetune.proof.losses import Losses, LossGain, compare_losses, held_out_losses
from whetstone.finetune.proof.questions import questions
from whetstone.optimize.gate.decision import GateDecision, decide
from whetstone.optimize.gate.wording import counted
from whetstone.optimize.rows.loading import MIN_JUDGED_ROWS

_CONFIDENCE = 0.95
_IN_FOUR_BITS = (
    "Base and tuned model were measured with the base's weights in 4 bits; over the base in full precision, as the "
    "model's folder is loaded, the answers may differ."
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What base and tuned model did on held-out rows.

    `gate` decides on the answers' scores, row by row; None where too few rows were scored. `loss` compares how likely
    the right answers became, which decides nothing: a model may know better and still say the same.
    """

    answers: tuple[Answered, ...]
    gate: GateDecision | None
    loss: LossGain | None
    explanation: str
    seconds: float
    notes: tuple[str, ...]

    @property
    def decision(self) -> str:
        """`promoted`, `inconclusive`, `rejected` or `not_gated`."""
        return "not_gated" if self.gate is None else self.gate.decision

    def to_dict(self) -> dict[str, Any]:
        """As the job's result and the model's record hold it; without the answers themselves."""
        gate = self.gate
        return {
            "rows": len(self.answers),
            "decision": self.decision,
            "metrics": dict(Counter(each.question.scorer.name for each in self.answers)),
            "tasks": _by_task(self.answers),
            "baseScore": _mean([each.base_score for each in self.answers]),
            "tunedScore": _mean([each.tuned_score for each in self.answers]),
            "delta": _mean([each.tuned_score - each.base_score for each in self.answers]),
            "interval": list(gate.interval) if gate else None,
            "confidence": _CONFIDENCE,
            "groups": len({each.question.example.group for each in self.answers}),
            "wins": gate.wins if gate else None,
            "losses": gate.losses if gate else None,
            "ties": gate.ties if gate else None,
            "rowsNeeded": gate.rows_needed if gate else None,
            "loss": self.loss.to_dict() if self.loss else None,
            "explanation": self.explanation,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def prove(
    engine: Engine,
    examples: Sequence[Example],
    tokenizer: ChatTokenizer,
    *,
    base: Losses | None,
    max_rows: int,
    batch_size: int,
    seed: int,
    say: Say,
    four_bit: bool = False,
) -> Proof:
    """Compare the engine's model with and without its adapter on the test split's `examples`.

    `base` holds `held_out_losses` of before the training (same `seed`); at most `max_rows` rows are answered by both. `say`
    hears of the progress between forward passes, and may raise to end it. `four_bit`: the engine holds the base in 4
    bits. Takes a second or so beside the engine.
    """
    started = time.monotonic()
    loss = None
    if base is not None and base.by_row:
        say("losses of the test rows")
        tuned = held_out_losses(engine, examples, tokenizer.pad_id, batch_size, seed=seed)
        loss = compare_losses(base, tuned, examples, seed=seed, confidence=_CONFIDENCE)
    fit, notes = questions(examples)
    if four_bit:
        notes.append(_IN_FOUR_BITS)
    asked = spread(fit, lambda question: question.example, max_rows, seed)
    answers: list[Answered] = []
    scored = len(fit)
    if len(asked) >= MIN_JUDGED_ROWS:
        answers, problems = answer_all(engine, tokenizer, asked, say)
        notes += problems
        scored = len(answers)
    gate = _decide(answers, seed) if len(answers) >= MIN_JUDGED_ROWS else None
    return Proof(
        answers=tuple(answers),
        gate=gate,
        loss=loss,
        explanation=_explain(gate, scored, len(examples), max_rows),
        seconds=time.monotonic() - started,
        notes=tuple(notes),
    )


def _decide(answers: Sequence[Answered], seed: int) -> GateDecision:
    return decide(
        [each.base_score for each in answers],
        [each.tuned_score for each in answers],
        [each.question.example.group for each in answers],
        seed=seed,
        confidence=_CONFIDENCE,
    )


def _explain(gate: GateDecision | None, scored: int, rows: int, max_rows: int) -> str:
    """One sentence for a person."""
    if gate is None and max_rows < MIN_JUDGED_ROWS <= scored:
        return f"Not judged: testRows is {max_rows}, and at least {MIN_JUDGED_ROWS} answers are needed."
    if gate is None:
        return (
            f"Not judged: of {rows} held-out rows {scored} can be scored, and at least {MIN_JUDGED_ROWS} are needed. "
            "More rows, or corrections of recorded answers, would do it."
        )
    outcome = {
        "promoted": "The tuned model answers better than its base",
        "rejected": "The tuned model answers worse than its base",
    }.get(gate.decision, "Not sure to be better than its base")
    low, high = (f"{bound + 0.0:+.2f}" for bound in gate.interval)
    sentence = (
        f"{outcome}: mean score {gate.candidate_mean:.2f} instead of {gate.incumbent_mean:.2f} on "
        f"{counted(gate.n, gate.groups)}, {100 * gate.confidence:.3g} % interval of the difference {low}..{high}"
    )
    if gate.decision != "inconclusive":
        return f"{sentence}."
    if gate.rows_needed is None:
        return f"{sentence}; no difference to be seen."
    return f"{sentence}; about {gate.rows_needed} rows would settle it."


def _by_task(answers: Sequence[Answered]) -> dict[str, Any]:
    rows: dict[str, list[Answered]] = defaultdict(list)
    for each in answers:
        rows[each.question.example.task].append(each)
    return {
        task: {
            "rows": len(found),
            "baseScore": _mean([each.base_score for each in found]),
            "tunedScore": _mean([each.tuned_score for each in found]),
        }
        for task, found in rows.items()
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
