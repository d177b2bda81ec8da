"""bootstrap-fewshot: finds the demonstrations that teach a task best.

Demonstrations come from the training split, several families of sets are tried in both renderings, and successive
halving on the validation split chooses among them. The incumbent and the bare prompt are scored beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate, demonstration, estimate_tokens
from whetstone.optimize.fewshot.demonstration_sets import DemonstrationSet, demonstration_sets
from whetstone.optimize.fewshot.race import Challenger, Race
from whetstone.optimize.fewshot.teacher import bootstrap
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import DemonstrationFormat

_RENDERINGS: dict[str, tuple[DemonstrationFormat, ...]] = {
    "auto": ("turns", "block"),
    "turns": ("turns",),
    "block": ("block",),
}
_AS = {"turns": "as chat turns", "block": "in the system prompt"}


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget or the training rows allow no search at all, and
    `InvalidEvaluationError` when the incumbent cannot be scored.
    """
    pool = await bootstrap(context) if context.spec.few_shot.teacher else list(context.pool)
    context.progress.at("bootstrapping", 1.0, f"{len(pool)} training examples may be shown")
    challengers = _challengers(context, pool)
    return await Race(context, challengers).run()


def _challengers(context: SearchContext, pool: Sequence[Example]) -> list[Challenger]:
    spec = context.spec
    longest = max(_request_tokens(example) for example in context.validation)
    room = context.room - longest

    def fits(examples: Sequence[Example]) -> bool:
        return _candidate(context.baseline, examples, "turns").tokens() <= room

    sets = demonstration_sets(
        pool,
        size=spec.few_shot.demonstrations,
        random_sets=spec.few_shot.random_sets,
        seed=spec.seed,
        fits=fits,
    )
    if not sets:
        raise InvalidInputError(
            f"None of the {len(pool)} training examples can be shown: with the prompt and the longest row they "
            f"exceed {context.room} tokens; shorten the prompt or raise maxRequestTokens"
        )
    known = {context.incumbent.id, context.baseline.id}
    found: list[Challenger] = []
    for chosen in sets:
        for rendering in _RENDERINGS[spec.few_shot.demonstration_format]:
            candidate = _candidate(context.baseline, chosen.examples, rendering)
            if candidate.id not in known:
                known.add(candidate.id)
                found.append(Challenger(len(found) + 1, candidate, _origin(chosen, rendering)))
    if not found:
        raise InvalidInputError(
            "The current prompt shows the only demonstrations that could be tried; add rows"
        )
    return found


def _candidate(baseline: Candidate, examples: Sequence[Example], rendering: DemonstrationFormat) -> Candidate:
    return Candidate(baseline.prompt, tuple(demonstration(example) for example in examples), rendering)


def _origin(chosen: DemonstrationSet, rendering: str) -> str:
    return f"{len(chosen.examples)} demonstrations ({chosen.family}) {_AS[rendering]}"


def _request_tokens(example: Example) -> int:
    return estimate_tokens(example.messages) + example.max_tokens
