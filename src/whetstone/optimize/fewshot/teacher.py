"""Bootstrapping: demonstrations whose answers are the model's own words, where the metric passes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whetstone.optimize.metrics import Answer
from whetstone.optimize.optimizer import SearchContext
from whetstone.optimize.rows.examples import Example

PASSING_SCORE = 0.999
_WAVES = 4
_POOL_FACTOR = 3
_SHARE_OF_BUDGET = 4


async def bootstrap(context: SearchContext) -> list[Example]:
    """The pool with a teacher's own answer in place of the recorded one where it passes the metric.

    The teacher is the incumbent. Whole waves are asked at once, until three times as many answers passed as a
    set shows, or a quarter of the search's calls is spent; other examples keep their verified answers.
    """
    wanted = _POOL_FACTOR * context.spec.few_shot.demonstrations
    passed: dict[str, str] = {}
    pool = list(context.pool)
    allowed = context.ledger.search_calls()
    limit = len(pool) if allowed is None else min(len(pool), allowed // _SHARE_OF_BUDGET)
    for wave in range(_WAVES):
        rows = pool[wave * wanted : min((wave + 1) * wanted, limit)]
        if not rows or len(passed) >= wanted:
            break
        context.progress.at("bootstrapping", wave / _WAVES, f"asking the teacher {len(rows)} training rows")
        result = await context.evaluator.evaluate(f"bootstrap-{wave}", [(context.incumbent, rows)])
        for row in result.evaluations[context.incumbent.id].rows:
            if row.score is not None and row.score >= PASSING_SCORE and row.answer:
                passed[row.example] = row.answer
        if result.stopped:
            break
    context.progress.log(f"{len(passed)} answers of the teacher passed the metric")
    return _with_answers(pool, passed)


def _with_answers(pool: Sequence[Example], passed: dict[str, str]) -> list[Example]:
    return [
        replace(example, expected=Answer(passed[example.id]), gold="teacher")
        if example.id in passed
        else example
        for example in pool
    ]
