"""Staged validation: few rows for every candidate, all rows for the few that may win."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from whetstone.optimize.engine.evaluator import Work
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.trials import Trials
from whetstone.optimize.rows.examples import Example

Scout = Callable[[Member], Sequence[Example]]
"""Training rows to ask a candidate along with its validation, because a next step needs them anyway."""


async def staged(trials: Trials, step: str, candidates: Sequence[Member], scout: Scout) -> list[Member]:
    """Score `candidates`, the most promising first, on the prefix; gives back those that made it to its end.

    On the first `probe` rows each is compared with its parent: one that is worse beyond noise is not paid for any
    further. So are those for which the calls do not suffice.
    """
    plan = trials.plan
    probe, whole = trials.prefix[: plan.probe], trials.prefix
    repeats = plan.repeats
    rest = (len(whole) - len(probe)) * repeats
    number = max(0, (trials.free() - rest) // (len(probe) * repeats))
    alive = await _score(trials, f"{step}/probe", list(candidates[:number]), probe, ())
    ids = [row.id for row in probe]
    alive = [member for member in alive if promising(member, ids)]
    if len(whole) == len(probe) or not alive:
        return alive
    alive = alive[: max(0, trials.free() // rest)]
    ahead = _ahead(trials, alive, scout, rest) if alive else ()
    return await _score(trials, f"{step}/prefix", alive, whole, ahead)


def promising(member: Member, rows: Sequence[str]) -> bool:
    """Whether it is not worse on `rows` than what it descends from beyond noise: one standard error of the paired
    sum. A fresh prompt descends from nothing."""
    reference = member.reference(rows)
    differences = [member.scores[row] - reference.scores[row] for row in rows]
    return sum(differences) >= -math.sqrt(sum(each * each for each in differences)) - 1e-9


async def _score(
    trials: Trials, step: str, members: list[Member], rows: Sequence[Example], ahead: Work
) -> list[Member]:
    """Those of `members` that `rows` could be asked of; a failed call is no low score, so it ends a candidate."""
    if not members:
        return []
    work = [(member.candidate, rows) for member in members]
    await trials.evaluate(step, _joined(work, ahead))
    scored = []
    for member in members:
        evaluation = trials.collect(member.candidate, rows)
        if evaluation.valid:
            member.scores.update(evaluation.by_example())
        if evaluation.valid and member.covers([row.id for row in rows]):
            scored.append(member)
        elif evaluation.failed:
            trials.context.progress.log(f"candidate {member.number} is out: {evaluation.problem}")
    for candidate, asked in ahead:
        found = trials.collect(candidate, asked).by_example()
        next(member for member in members if member.candidate is candidate).learn(found)
    return scored


def _ahead(trials: Trials, alive: Sequence[Member], scout: Scout, rest: int) -> Work:
    rows = scout(alive[0])
    spare = trials.free() - len(alive) * rest
    return [(alive[0].candidate, rows)] if rows and len(rows) * trials.plan.repeats <= spare else []


def _joined(work: Work, ahead: Work) -> Work:
    """One entry for each candidate, so that the evaluations of a step are told apart by it."""
    extra = {candidate.id: rows for candidate, rows in ahead}
    return [(candidate, (*rows, *extra.get(candidate.id, ()))) for candidate, rows in work]


async def score_fully(trials: Trials, step: str, members: Sequence[Member]) -> None:
    """Score `members` on all validation rows."""
    await _score(trials, step, list(members), trials.full, ())
