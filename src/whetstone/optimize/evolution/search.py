"""prompt-evolution: the loop.

A step draws parents from the Pareto front, shows the reflection model rows on which they fail, and tries the texts
that it proposes: first on those rows, paired with the parent, then on a few validation rows, then on more. What gets
that far and leads on some row joins the front. Steps that lead nowhere make room for fresh prompts, accepted ones for
combinations. All state is a fold of the journal's results, all randomness derived from seed and step.

After GEPA (Agrawal et al., arXiv 2507.19457), with validation in stages.
"""

from __future__ import annotations

from whetstone.optimize.evolution.beginning import Beginning
from whetstone.optimize.evolution.combination import Combination
from whetstone.optimize.evolution.ending import Ending
from whetstone.optimize.evolution.plan import make_plan
from whetstone.optimize.evolution.reflection_step import ReflectionStep
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.optimizer import SearchContext, SearchResult

_TRAPPED = 2
"""A start from which no edit was ever accepted is left after 1/2 of the usual steps."""
_MOST_BARREN = 10
"""Steps in a row without one usable proposal before the reflection model is given up."""


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget allows no search at all, and `InvalidEvaluationError` when the
    incumbent cannot be scored or the reflection model cannot be used.
    """
    return await _Evolution(await _shaped(context)).run()


async def _shaped(context: SearchContext) -> Run:
    """The run as it was planned when it began: a resumed one may find another width."""

    async def shape() -> dict[str, int]:
        return {"width": context.evaluator.width}

    recorded = await context.journal.step(context.name("evolution"), "plan", shape)
    return Run(context, make_plan(context), width=recorded["width"])
