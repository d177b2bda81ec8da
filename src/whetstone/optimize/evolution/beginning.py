"""The first scores: of the incumbent, and of the candidate that the search builds on."""

from __future__ import annotations

from whetstone.optimize.evolution.ending import announce
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.run import Run


async def begin(run: Run) -> None:
    """Score the incumbent on all rows that decide, the start on those that rank, and make it the first member.

    Raises `InvalidEvaluationError` where one of them cannot be scored; the budget's end sets `trials.stopped`.
    """
    context, trials = run.context, run.trials
    work = [(context.incumbent, trials.full)]
    if context.start.id != context.incumbent.id:
        work.append((context.start, trials.prefix))
    candidates = [candidate for candidate, _ in work]
    run.tell("scoring the present prompt")
    if await trials.may_start("begin", trials.cost(work), candidates):
        await trials.evaluate("begin", work, required=candidates)
    number = run.population.number(context.start) or 0
    root = Member(number, context.start, "the prompt that the search began with", island=number)
    run.population.judge([root])
    evaluation = trials.collect(context.start, trials.full)
    root.scores.update(evaluation.by_example())
    if root.covers(run.ids):
        run.population.add(root)
        run.told.add(number)
        run.floor = root.mean(run.ids)
        run.note(root)
        announce(run)
