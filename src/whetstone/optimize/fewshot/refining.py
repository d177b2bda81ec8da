"""Refines the best set of demonstrations: examples that it still gets wrong take the place of some of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import PERFECT
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.fewshot.commentary import Pace
from whetstone.optimize.fewshot.demonstration_sets import SHOWN_AS
from whetstone.optimize.fewshot.halving import MIN_ROWS
from whetstone.optimize.fewshot.race import Challenger, Race
from whetstone.optimize.fewshot.teacher import errors_of
from whetstone.optimize.optimizer import SearchContext, SearchResult, tokens_a_call
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified

_ROUNDS = 4
_VARIANTS = 9
_FIRST_VARIANT = 1000
_SAMPLE_FACTOR = 4
_SAMPLE_SHARE = 6
_LEAST_PASSES = 3
_WHY = "examples that the best set so far answers wrongly teach what it lacks"


class Refining:
    """Rounds of refinement, while the calls last and the best is known on all validation rows.

    `taught` are examples in a teacher's words; a prompt with its examples may take `limit` tokens.
    """

    def __init__(self, context: SearchContext, taught: Sequence[Example], limit: int, pace: Pace) -> None:
        self._context = context
        self._pool = {example.id: example for example in context.pool}
        self._taught = {example.id: example for example in taught}
        self._limit = limit
        self._pace = pace

    async def run(self, best: Challenger, found: SearchResult) -> SearchResult:
        """`found`, whose best is `best`, or what became of it."""
        for number in range(1, _ROUNDS + 1):
            rows = self._sample(best.candidate, number) if self._may_go_on(found) else []
            if not rows:
                break
            inside = replace(self._context, stage=self._context.name(f"refine-{number}"))
            wrong = await errors_of(inside, "errors", best.candidate, rows, "the best set")
            challengers = self._variants(best, self._as_shown(best, wrong), number)
            if not challengers:
                break
            try:
                race = Race(inside, [best, *challengers], self._pace)
                later = await race.run()
            except InvalidInputError:
                break  # what is left of the budget does not carry one more race
            best, found = race.best, _merged(found, later)
        return found

    def _may_go_on(self, found: SearchResult) -> bool:
        context = self._context
        whole = len(context.validation) * context.spec.repeats
        if found.finish_reason != "completed" or found.best.wanted < whole or found.best.mean >= PERFECT:
            return False
        tokens = tokens_a_call([found.best.candidate], context.validation)
        return context.affordable_calls(tokens) >= _LEAST_PASSES * whole

    def _sample(self, candidate: Candidate, number: int) -> list[Example]:
        """Training rows to look at, other ones in each round; none where the best shows nothing."""
        context = self._context
        shown = {str(item.id) for item in candidate.demonstrations}
        if not shown:
            return []
        wanted = max(_SAMPLE_FACTOR * context.spec.few_shot.demonstrations, MIN_ROWS)
        rows = [row for row in context.train if row.id in self._pool and row.id not in shown]
        ordered = stratified(rows, context.spec.seed, f"refine-{number}")
        return ordered[: min(wanted, context.calls_left() // _SAMPLE_SHARE)]

    def _as_shown(self, best: Challenger, wrong: Collection[str]) -> list[Example]:
        """The rows `wrong` in the words of the set that they may join: a teacher's, or the recorded ones."""
        origins = [item.metadata or {} for item in best.candidate.demonstrations]
        taught = self._taught if any(origin.get("goldSource") == "teacher" for origin in origins) else {}
        return [taught.get(row, self._pool[row]) for row in self._pool if row in wrong]

    def _variants(self, best: Challenger, wrong: Sequence[Example], number: int) -> list[Challenger]:
        """Sets like the best one: some wrong rows join it, in place of others where it is full."""
        context = self._context
        size = context.spec.few_shot.demonstrations
        shown = best.candidate.demonstrations
        found: dict[str, Challenger] = {}
        for place in range(_VARIANTS if wrong else 0):
            rng = derived(context.spec.seed, context.name(f"refine-{number}"), f"variant-{place}")
            joining = rng.sample(wrong, min(rng.randint(1, max(1, size // 2)), len(wrong)))
            kept = sorted(rng.sample(range(len(shown)), min(len(shown), size - len(joining))))
            examples = (*(shown[index] for index in kept), *(demonstration(example) for example in joining))
            candidate = replace(best.candidate, demonstrations=examples)
            if candidate.tokens() <= self._limit and context.guard.problem(candidate, context.start) is None:
                origin = f"{len(examples)} demonstrations (refined, {len(joining)} new) {SHOWN_AS[candidate.rendering]}"
                variant = _FIRST_VARIANT * number + place
                found.setdefault(candidate.id, Challenger(variant, candidate, origin, _WHY))
        return list(found.values())


def _merged(before: SearchResult, later: SearchResult) -> SearchResult:
    """`later`, with what was done before it."""
    rounds = 1 + max(int(entry["round"]) for entry in before.lineage)
    moved = [{**entry, "round": rounds + entry["round"]} for entry in later.lineage]
    return replace(later, tried=before.tried + later.tried - 1, lineage=[*before.lineage, *moved])
