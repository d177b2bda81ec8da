"""Bootstrapping: what the bare prompt gets wrong on training rows, and demonstrations in a teacher's own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from whetstone.optimize.engine.evaluation import SOLVED, RowResult
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.ledger import Purpose
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.fewshot.halving import MIN_ROWS
from whetstone.optimize.metrics import Answer
from whetstone.optimize.optimizer import SearchContext, tokens_a_call
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified

_WAVES = 4
_POOL_FACTOR = 3
_TEACHER_SHARE = 4  # at most a quarter of the calls go to the teacher,
_ERRORS_SHARE = 10  # and a tenth to finding out what the bare prompt gets wrong
_RACE_ROWS = 4 * MIN_ROWS  # answers that are always left for the race
_ERRORS_FACTOR = 4
_SHOWN = "#shown"


async def errors_of_bare_prompt(context: SearchContext, most_tokens: float) -> frozenset[str]:
    """Ids of training rows that the prompt without demonstrations answers wrongly, from a small balanced sample.

    At most a tenth of the calls is spent on them, and none where that is too few to find any. `most_tokens`:
    estimated tokens of the search's longest call.
    """
    wanted = _ERRORS_FACTOR * context.spec.few_shot.demonstrations
    count = min(wanted, len(context.train), context.affordable_calls(most_tokens) // _ERRORS_SHARE)
    if count < max(wanted // 2, MIN_ROWS):
        return frozenset()
    rows = stratified(context.train, context.spec.seed, "bootstrap")[:count]
    return await errors_of(context, "bare", context.start.bare(), rows, "the bare prompt")


async def errors_of(
    context: SearchContext, step: str, candidate: Candidate, rows: Sequence[Example], name: str
) -> frozenset[str]:
    """Ids of those of `rows` that `candidate`, called `name` in the log, answers wrongly.

    Where it answers none rightly, as a graded metric rarely says, those that it answers worse than most. Empty when
    that tells no rows apart, or the budget does not carry the step.
    """
    found, _ = await _answers(context, step, context.evaluator, "search", (candidate, rows))
    scores = {row.example: row.score for row in found if row.score is not None}
    if not scores:
        return frozenset()
    wrong = frozenset(row for row, score in scores.items() if score < SOLVED)
    context.progress.log(f"{name} gets {len(wrong)} of {len(scores)} training rows wrong")
    if len(wrong) < len(scores):
        return wrong
    middle = median(scores.values())
    return frozenset(row for row, score in scores.items() if score < middle)


async def bootstrap(context: SearchContext, most_tokens: float) -> list[Example]:
    """Examples of the pool with a teacher's own answer, which passes the metric, in place of the recorded one.

    The teacher is the configured teacher model, or else the task's; it is asked under the incumbent. Whole waves are
    asked at once, until three times as many answers passed as a set shows, or a quarter of the calls is spent.
    """
    wanted = _POOL_FACTOR * context.spec.few_shot.demonstrations
    affordable = context.affordable_calls(most_tokens)
    limit = min(affordable // _TEACHER_SHARE, affordable - _RACE_ROWS * context.spec.repeats, _WAVES * wanted)
    rows = _as_shown(context)[: max(limit, 0)]
    passed: dict[str, str] = {}
    asked = 0
    for wave, start in enumerate(range(0, len(rows), wanted)):
        if len(passed) >= wanted:
            break
        work = (context.incumbent, rows[start : start + wanted])
        context.progress.at(
            "bootstrapping", wave / _WAVES, f"asking the teacher {len(work[1])} training rows"
        )
        teacher = context.evaluator if context.teacher is None else context.teacher
        found, stopped = await _answers(context, f"bootstrap-{wave}", teacher, "teacher", work)
        asked += len(found)
        passed |= {row.example.removesuffix(_SHOWN): row.answer for row in found if _passes(row)}
        if stopped:
            break
    context.progress.log(f"{len(passed)} of {asked} answers of the teacher passed the metric")
    return [
        replace(example, expected=Answer(passed[example.id]), gold="teacher")
        for example in context.pool
        if example.id in passed
    ]


def _as_shown(context: SearchContext) -> list[Example]:
    """The training rows with the text that may be shown, so that no answer can repeat what the filter took out.

    A row whose text differs from that of the pool gets a name of its own: it is another question.
    """
    whole = {row.id: row for row in context.train}
    hidden = {shown.id for shown in context.incumbent.demonstrations}
    rows = [row for row in context.pool if row.id in whole and row.id not in hidden]
    return [
        row if row.messages == whole[row.id].messages else replace(row, id=row.id + _SHOWN)
        for row in stratified(rows, context.spec.seed, "bootstrap")
    ]


def _passes(row: RowResult) -> bool:
    return row.score is not None and row.score >= SOLVED and bool(row.answer.strip())


async def _answers(
    context: SearchContext,
    step: str,
    evaluator: Evaluator,
    purpose: Purpose,
    work: tuple[Candidate, Sequence[Example]],
) -> tuple[Sequence[RowResult], str | None]:
    """The answers, and why the step ended early, if it did."""
    candidate, rows = work
    calls = evaluator.cost([work])
    stop = await context.may_start(step, calls, calls * tokens_a_call([candidate], rows))
    if stop is not None:
        return [], stop
    result = await evaluator.evaluate(context.name(step), [work], purpose=purpose, stop=context.clock())
    return result.evaluations[candidate.id].rows, result.stopped
