"""instruction-search: instructions and demonstrations chosen together, in the manner of MIPRO (arXiv 2406.11695).

The reflection model proposes instructions in up to three waves, grounded in the data, in the failures of the best
instructions so far on training rows and, from the second wave, in the scores of earlier attempts. Between the waves
a surrogate searches instructions x demonstrations on minibatches of the validation rows; the choice is made among
candidates that answered all of them.
"""

from __future__ import annotations

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.instructions.board import Board
from whetstone.optimize.instructions.grounding import Material, answered, summary
from whetstone.optimize.instructions.planning import Plan, plan, smallest
from whetstone.optimize.instructions.proposals import Proposals
from whetstone.optimize.instructions.request import Attempt
from whetstone.optimize.instructions.space import Instruction, Point, Space
from whetstone.optimize.instructions.trials import Trials
from whetstone.optimize.instructions.winner import Winner
from whetstone.optimize.optimizer import SearchContext, SearchResult, tokens_a_call
from whetstone.optimize.rows.examples import Example

_CLEARLY_BETTER = 0.01


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    When nothing better can be tried (no usable proposal and no demonstrations), or the incumbent is right on every
    validation row, the result's best is the incumbent itself and `origin` says so.

    Raises `InvalidInputError` when the budget allows no search at all, and `InvalidEvaluationError` when the
    incumbent or the start cannot be scored, or the reflection model gives no answer.
    """
    space = Space(context)
    return await _Search(context, space, _plan(context, space)).run()


class _Search:
    """One run."""

    def __init__(self, context: SearchContext, space: Space, shape: Plan) -> None:
        self._context = context
        self._plan = shape
        self._space = space
        self._board = Board(context, space, context.validation[: shape.rows])
        self._winner = Winner(context, space, self._board)
        self._trials = Trials(context, shape, space, self._board, self._winner)
        self._proposals: Proposals | None = None

    async def run(self) -> SearchResult:
        """Score the references, then propose and try, wave by wave."""
        stop = await self._references()
        for wave, count in enumerate(self._plan.waves):
            if stop is None and not self._trials.solved:
                stop = await self._wave(wave, count)
        if stop is None and not self._trials.solved:
            stop = await self._trials.finish(len(self._plan.waves))
        return await self._end(stop)

    async def _references(self) -> str | None:
        """Score the incumbent and the start on all rows of the choice."""
        context, rows = self._context, self._board.rows
        candidates = list({each.id: each for each in (context.incumbent, context.start)}.values())
        work = [(each, rows) for each in candidates]
        repeats = context.spec.repeats
        calls = context.evaluator.cost(work, repeats)
        context.tell(0.0, f"scoring today's prompt on {len(rows)} validation rows")
        stop = await context.may_start("references", calls, calls * tokens_a_call(candidates, rows))
        if stop is None:
            result = await context.evaluator.evaluate(
                context.name("references"), work, required=candidates, stop=context.clock(), repeats=repeats
            )
            stop = result.stopped
        for each in candidates:
            found = self._board.known(each)
            if not found.valid:
                raise InvalidInputError(
                    f"The budget ended ({stop}) before today's prompt was scored on {len(rows)} validation rows; "
                    "allow more calls, tokens or seconds"
                )
            name = "incumbent" if each.id == context.incumbent.id else "start"
            self._board.enter(0, 0, found, f"{name}; all {len(rows)} validation rows")
        return stop

    async def _wave(self, wave: int, count: int) -> str | None:
        """Ask for instructions and try them; the limit that ended the search meanwhile, if one did."""
        context, waves = self._context, len(self._plan.waves)
        best = self._best_instruction()
        made, stop = await self._propose(wave, count, best)
        if stop is not None:
            return stop
        first = len(self._space.instructions)
        self._space.instructions += made
        self._trials.enqueue(self._first_trials(wave, range(first, first + len(made))))
        later = (waves - wave - 1) * self._plan.reflected
        calls = (self._trials.spare() - later) // (waves - wave)
        for each in made:
            context.progress.log(f"{each.origin}: {each.hypothesis}")
        if made:
            message = f"wave {wave + 1} of {waves}: trying {len(made)} new instructions"
            context.tell(0.0, message, hypothesis=made[0].hypothesis)
        return await self._trials.run(wave, calls)

    async def _propose(self, wave: int, count: int, best: int) -> tuple[list[Instruction], str | None]:
        if not count:
            return [], None
        context = self._context
        candidate = self._candidate_with(best)
        context.tell(0.0, f"wave {wave + 1}: looking at what goes wrong on {self._plan.reflected} training rows")
        material, stop = await answered(context, candidate, wave, self._plan.reflected)
        if stop is not None:
            return [], stop
        _report(context, material)
        if self._proposals is None:
            self._proposals = Proposals(context, await summary(context, material))
        return await self._proposals.wave(wave, count, material, self._attempts()), None
