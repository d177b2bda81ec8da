"""prompt-evolution: the loop.

A step draws parents from the Pareto front, shows the reflection model rows on which they fail, and tries the texts
that it proposes: first on those rows, paired with the parent, then on a few validation rows, then on more. What gets
that far and leads on some row joins the front. Steps that lead nowhere make room for fresh prompts, accepted ones for
combinations. All state is a fold of the journal's results, all randomness derived from seed and step.

After GEPA (Agrawal et al., arXiv 2507.19457), with validation in stages.
"""

from __future__ import annotations

from whetstone.optimize.evolution.beginning import begin
from whetstone.optimize.evolution.chain import settle_head
from whetstone.optimize.evolution.ending import finish, look_closer, perfect
from whetstone.optimize.evolution.merging import due, merge
from whetstone.optimize.evolution.plan import make_plan
from whetstone.optimize.evolution.reflect import reflect
from whetstone.optimize.evolution.restarts import POOR, begin_anew
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.optimizer import SearchContext, SearchResult

_HOPELESS = 0.05
"""Mean score of a start that fails on about everything: edits of it have nothing to build on."""
_ROOM_FOR_A_LAST_STAGE = ("completed", "budget_calls", "budget_proposals")
"""Ends that leave calls for validating what was being worked on; the other limits give no such promise."""
_MOST_BARREN = 10
"""Steps in a row without one proposal that could be tried, before the reflection model is given up."""


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget allows no search at all, and `InvalidEvaluationError` when the
    incumbent cannot be scored or the reflection model cannot be used.
    """
    run = Run(context, make_plan(context), width=await context.width())
    await begin(run)
    if run.population.members and run.leader.mean(run.ids) <= _HOPELESS:
        run.stalls = context.spec.evolution.restart_after
    while (reason := _over(run)) is None:
        run.step += 1
        await _step(run)
    if reason in _ROOM_FOR_A_LAST_STAGE:
        await settle_head(run, "last")
    return await finish(run, reason)


def _over(run: Run) -> str | None:
    """Why the search ends; None while it goes on."""
    if run.trials.stopped is not None:
        return run.trials.stopped
    if not run.population.members:
        return "budget_calls"
    members = run.population.front_members(run.ids)
    if perfect(run) or all(member.number in run.population.exhausted for member in members):
        return "completed"  # nothing is left to choose by, or to learn from
    return "completed" if run.barren >= _MOST_BARREN else None


async def _step(run: Run) -> None:
    before = run.accepted
    if run.step > run.young_until:
        run.young = None
    pair = due(run)
    if pair is not None:
        await merge(run, pair)
    elif _restart_due(run):
        run.stalls = 0
        run.restarts += 1
        await begin_anew(run)
    else:
        await reflect(run)
    if run.accepted > before and run.trials.stopped is None:
        await look_closer(run, f"closer-{run.step}")


def _restart_due(run: Run) -> bool:
    """Whether edits do not get on; a start from which none was ever accepted is left in half the steps."""
    if run.head is not None:
        return False
    patience = run.context.spec.evolution.restart_after
    if run.restarts and run.leader.mean(run.ids) >= POOR:
        patience *= 2**run.restarts  # with a good leader, each new beginning is less likely to lead further
    return run.stalls >= (patience if run.accepted else -(-patience // 2))
