"""What proposals are grounded in: answers of a candidate on training rows, and what the data is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from whetstone.optimize.engine.evaluation import SOLVED, RowResult
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.engine.reflection import fit, reflection_request, show_example, trim
from whetstone.optimize.instructions.answer_form import describe_answers
from whetstone.optimize.optimizer import SearchContext, tokens_a_call
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified

FEWEST_PROPOSALS = 4
"""With fewer proposals left than this, none is spent on a summary."""
_SUMMARY_ROWS = 8
_SUMMARY_TOKENS = 400
_LONGEST_SUMMARY = 2_500
_MOST_TOKENS = 24_000
_ROW_CHARACTERS = 2_000

Answered = tuple[Example, RowResult | None]


@dataclass(frozen=True, slots=True)
class Material:
    """`failures` (the worst first) and `solved` are training rows with the answers of `candidate`; without such
    answers there are no failures, and `solved` shows right answers only. `mean` is the candidate's on these rows."""

    candidate: Candidate
    failures: tuple[Answered, ...]
    solved: tuple[Answered, ...]
    mean: float | None

    def drawn(self, rng: Random, failures: int, solved: int) -> tuple[list[Answered], list[Answered]]:
        """Some failures, the worse the likelier, and some solved rows."""
        weighted = [
            (rng.random() ** (1 / (2 - _score(each))), place) for place, each in enumerate(self.failures)
        ]
        chosen = [self.failures[place] for _, place in sorted(weighted, reverse=True)[:failures]]
        return chosen, rng.sample(self.solved, min(solved, len(self.solved)))


def room_tokens(context: SearchContext) -> int:
    """Tokens of a reflection request with its answer. The reflection model's own context is not known: it is taken to
    be no smaller than the task model's."""
    return min(context.room, _MOST_TOKENS)


async def answered(
    context: SearchContext, candidate: Candidate, wave: int, count: int
) -> tuple[Material, str | None]:
    """The answers of `candidate` on the next `count` training rows, and why the budget stopped them, if it did."""
    shown = {demonstration.id for demonstration in candidate.demonstrations}
    order = [row for row in _order(context) if row.id not in shown]
    start = wave * count % max(len(order), 1)
    rows = [*order[start:], *order[:start]][:count]
    work = [(candidate, rows)]
    calls = context.evaluator.cost(work)  # one answer a row shows how it fails, however many repeats count
    step = f"reflect-{wave}"
    stop = await context.may_start(step, calls, calls * tokens_a_call([candidate], rows)) if calls else None
    if stop is None and rows:
        result = await context.evaluator.evaluate(context.name(step), work, stop=context.clock())
        stop = result.stopped
    found = context.evaluator.collect(candidate, rows)
    by_id = {row.example: row for row in found.rows if row.score is not None}
    pairs = [(row, by_id[row.id]) for row in rows if row.id in by_id]
    failures = [(row, result) for row, result in pairs if (result.score or 0.0) < SOLVED]
    failures.sort(key=lambda each: each[1].score or 0.0)
    solved: list[Answered] = [(row, result) for row, result in pairs if (result.score or 0.0) >= SOLVED]
    if not pairs:
        solved = [(row, None) for row in order[:_SUMMARY_ROWS]]
    return Material(candidate, tuple(failures), tuple(solved), found.mean if pairs else None), stop


async def summary(context: SearchContext, material: Material) -> str:
    """What the data is like: our counts, and the reflection model's words where a proposal can be spared for them."""
    counted = describe_answers(context.train)
    left = context.ledger.proposals_left()
    if left is not None and left < FEWEST_PROPOSALS:
        return counted
    rng = derived(context.spec.seed, context.name("summary"), "rows")
    failures, solved = material.drawn(rng, _SUMMARY_ROWS // 2, _SUMMARY_ROWS // 2)
    rows = fit(
        [show_example(row, result, _ROW_CHARACTERS) for row, result in (*failures, *solved)],
        room_tokens(context) // 2,
    )
    text = _SUMMARY.format(goal=context.goal, counted=counted, rows=_numbered(rows))
    request = reflection_request(text, answer_tokens=min(_SUMMARY_TOKENS, room_tokens(context) // 4))
    (said,) = await context.proposer.ask(context.name("summary"), [request])
    return "\n".join(part for part in (trim((said or "").strip(), _LONGEST_SUMMARY), counted) if part)


_SUMMARY = """\
A language model does one task. You will help to write its instructions; first describe the data.

What is rewarded: {goal}

Counted over the training rows:
{counted}

Some training rows:

{rows}

Describe in at most eight sentences what the inputs are, what decides which answer is right, what form the right answers \
have, and what goes wrong where an answer is shown that failed. Speak of the task in general; do not quote the rows.
"""


def _numbered(rows: Sequence[str]) -> str:
    return "\n\n".join(f"Case {number}\n{row}" for number, row in enumerate(rows, start=1))


def _order(context: SearchContext) -> list[Example]:
    return stratified(context.train, context.spec.seed, context.name("reflect"))


def _score(each: Answered) -> float:
    return each[1].score or 0.0 if each[1] is not None else 0.0
