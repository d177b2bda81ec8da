"""bootstrap-fewshot: finds the demonstrations that teach a task best.

Demonstrations come from the training split, several families of sets are tried in both renderings, and successive
halving on the validation split chooses among them. What the best of them still gets wrong then joins it, while calls
are left. The incumbent is scored beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.fewshot.commentary import Pace
from whetstone.optimize.fewshot.demonstration_sets import (
    RENDERINGS,
    SHOWN_AS,
    DemonstrationSet,
    demonstration_sets,
)
from whetstone.optimize.fewshot.race import Challenger, Race
from whetstone.optimize.fewshot.refining import Refining
from whetstone.optimize.fewshot.teacher import bootstrap, errors_of_bare_prompt
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import DemonstrationFormat

_SETS_FIRST = 2
"""Challengers with new demonstrations that come before the prompts that exist already."""


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget or the training rows allow no search at all, and
    `InvalidEvaluationError` when the incumbent cannot be scored.
    """
    limit = _limit(context)
    if all(_tokens(context, [example]) > limit for example in context.pool):
        raise InvalidInputError(
            f"None of the {len(context.pool)} training examples can be shown: a prompt may take {limit} tokens "
            "beside the longest row; shorten the prompt, or raise maxRequestTokens or maxPromptTokens"
        )
    tokens, pace = _most_tokens(context), Pace.of(context)
    errors = await errors_of_bare_prompt(context, tokens)
    taught = await bootstrap(context, tokens) if context.spec.few_shot.teacher else []
    context.progress.at("bootstrapping", 1.0, f"{len(context.pool)} training examples may be shown")
    # Comparing the examples with each other takes a while.
    challengers = await asyncio.to_thread(_challengers, context, taught, errors)
    race = Race(context, challengers, pace)
    found = await race.run()
    return await Refining(context, taught, limit, pace).run(race.best, found)


def _most_tokens(context: SearchContext) -> float:
    """Estimated tokens of the longest call that the search may make."""
    rows = context.validation
    longest = sorted((row.tokens for row in context.pool), reverse=True)
    shown = context.start.bare().tokens() + sum(longest[: context.spec.few_shot.demonstrations])
    return min(shown, _limit(context)) + sum(row.tokens for row in rows) / len(rows)


def _limit(context: SearchContext) -> int:
    """Most tokens that a prompt with its demonstrations may take."""
    return min(context.guard.max_tokens, context.room - max(row.request_tokens for row in context.validation))


def _challengers(
    context: SearchContext, taught: Sequence[Example], errors: Collection[str]
) -> list[Challenger]:
    found = [
        Challenger(0, candidate, _origin(chosen, rendering), chosen.hypothesis)
        for chosen, rendering in _in_turn(_sets(context, taught, errors), _renderings(context))
        for candidate in [_candidate(context.start, chosen.examples, rendering)]
        if context.guard.problem(candidate, context.start) is None
    ]
    found[_SETS_FIRST:_SETS_FIRST] = [
        Challenger(0, context.start, "the prompt as it was"),
        Challenger(0, context.start.bare(), "the prompt without demonstrations"),
    ]
    distinct: dict[str, Challenger] = {}
    for challenger in found:
        if challenger.candidate.id != context.incumbent.id:
            distinct.setdefault(challenger.candidate.id, challenger)
    if not any(challenger.hypothesis for challenger in distinct.values()):
        raise InvalidInputError(
            "The current prompt shows the only demonstrations that could be tried; add rows"
        )
    return [replace(each, variant=number) for number, each in enumerate(distinct.values(), start=1)]


def _sets(
    context: SearchContext, taught: Sequence[Example], errors: Collection[str]
) -> list[DemonstrationSet]:
    """Sets of what the teacher answered, where it answered enough, and sets of the recorded answers."""
    options, limit = context.spec.few_shot, _limit(context)

    def of(pool: Sequence[Example], random_sets: int) -> list[DemonstrationSet]:
        return demonstration_sets(
            pool,
            size=options.demonstrations,
            random_sets=random_sets,
            seed=context.spec.seed,
            fits=lambda examples: _tokens(context, examples) <= limit,
            errors=errors,
        )

    if len(taught) >= options.demonstrations:
        return [*of(taught, options.random_sets), *of(context.pool, 0)]
    words = {example.id: example for example in taught}
    return of([words.get(example.id, example) for example in context.pool], options.random_sets)


def _renderings(context: SearchContext) -> tuple[DemonstrationFormat, ...]:
    return RENDERINGS[context.spec.few_shot.demonstration_format]


def _in_turn(
    sets: Sequence[DemonstrationSet], renderings: Sequence[DemonstrationFormat]
) -> list[tuple[DemonstrationSet, DemonstrationFormat]]:
    """Every set in every rendering, the most promising first: a short budget gives up the last ones.

    The first two sets come in each rendering before the others do, so that a rendering that suits the model is found.
    """
    both = [(chosen, rendering) for chosen in sets[:2] for rendering in renderings]
    rest = [(chosen, rendering) for rendering in renderings for chosen in sets[2:]]
    return [*both, *rest]


def _tokens(context: SearchContext, examples: Sequence[Example]) -> int:
    """Estimated tokens of the prompt with `examples`, in the longest of the renderings that are tried."""
    shown = [_candidate(context.start, examples, rendering) for rendering in _renderings(context)]
    return max(candidate.tokens() for candidate in shown)


def _candidate(start: Candidate, examples: Sequence[Example], rendering: DemonstrationFormat) -> Candidate:
    shown = tuple(demonstration(example) for example in examples)
    return replace(start, demonstrations=shown, rendering=rendering)


def _origin(chosen: DemonstrationSet, rendering: DemonstrationFormat) -> str:
    words = ", the teacher's words" if any(example.gold == "teacher" for example in chosen.examples) else ""
    return f"{len(chosen.examples)} demonstrations ({chosen.family}{words}) {SHOWN_AS[rendering]}"
