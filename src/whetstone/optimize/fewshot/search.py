"""bootstrap-fewshot: finds the demonstrations that teach a task best.

Demonstrations come from the training split, several families of sets are tried in both renderings, and successive
halving on the validation split chooses among them. The incumbent is scored beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.fewshot.demonstration_sets import DemonstrationSet, demonstration_sets
from whetstone.optimize.fewshot.race import Challenger, Race
from whetstone.optimize.fewshot.teacher import bootstrap, errors_of_bare_prompt
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import DemonstrationFormat

_RENDERINGS: dict[str, tuple[DemonstrationFormat, ...]] = {
    "auto": ("turns", "block"),
    "turns": ("turns",),
    "block": ("block",),
}
_AS = {"turns": "as chat turns", "block": "in the system prompt"}
_SETS_FIRST = 2
"""Challengers with new demonstrations that come before the prompts that exist already."""


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget or the training rows allow no search at all, and
    `InvalidEvaluationError` when the incumbent cannot be scored.
    """
    tokens = _most_tokens(context)
    errors = await errors_of_bare_prompt(context, tokens)
    pool = await bootstrap(context, tokens) if context.spec.few_shot.teacher else list(context.pool)
    context.progress.at("bootstrapping", 1.0, f"{len(pool)} training examples may be shown")
    # Comparing the examples with each other takes a while.
    challengers = await asyncio.to_thread(_challengers, context, pool, errors)
    return await Race(context, challengers).run()


def _most_tokens(context: SearchContext) -> float:
    """Estimated tokens of the longest call that the search may make."""
    rows = context.validation
    longest = sorted((row.tokens for row in context.pool), reverse=True)
    shown = context.start.bare().tokens() + sum(longest[: context.spec.few_shot.demonstrations])
    return min(shown, _limit(context)) + sum(row.tokens for row in rows) / len(rows)


def _limit(context: SearchContext) -> int:
    """Most tokens that a prompt with its demonstrations may take."""
    return min(
        context.guard.max_tokens, context.room - max(_request_tokens(row) for row in context.validation)
    )


def _challengers(
    context: SearchContext, pool: Sequence[Example], errors: Collection[str]
) -> list[Challenger]:
    spec, limit = context.spec, _limit(context)
    sets = demonstration_sets(
        pool,
        size=spec.few_shot.demonstrations,
        random_sets=spec.few_shot.random_sets,
        seed=spec.seed,
        fits=lambda examples: _candidate(context.start, examples, "turns").tokens() <= limit,
        errors=errors,
    )
    if not sets:
        raise InvalidInputError(
            f"None of the {len(pool)} training examples can be shown: a prompt may take {limit} tokens beside the "
            "longest row; shorten the prompt, or raise maxRequestTokens or maxPromptTokens"
        )
    found = [
        Challenger(0, candidate, _origin(chosen, rendering), chosen.hypothesis)
        for chosen, rendering in _in_turn(sets, _RENDERINGS[spec.few_shot.demonstration_format])
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


def _in_turn(
    sets: Sequence[DemonstrationSet], renderings: Sequence[DemonstrationFormat]
) -> list[tuple[DemonstrationSet, DemonstrationFormat]]:
    """Every set in every rendering, the most promising first: a short budget gives up the last ones.

    The first two sets come in each rendering before the others do, so that a rendering that suits the model is found.
    """
    both = [(chosen, rendering) for chosen in sets[:2] for rendering in renderings]
    rest = [(chosen, rendering) for rendering in renderings for chosen in sets[2:]]
    return [*both, *rest]


def _candidate(start: Candidate, examples: Sequence[Example], rendering: DemonstrationFormat) -> Candidate:
    shown = tuple(demonstration(example) for example in examples)
    return replace(start, demonstrations=shown, rendering=rendering)


def _origin(chosen: DemonstrationSet, rendering: str) -> str:
    return f"{len(chosen.examples)} demonstrations ({chosen.family}) {_AS[rendering]}"


def _request_tokens(example: Example) -> int:
    return estimate_tokens(example.messages) + example.max_tokens
