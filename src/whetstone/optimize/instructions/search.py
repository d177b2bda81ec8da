"""instruction-search: instructions and demonstrations chosen together, in the manner of MIPRO (arXiv 2406.11695).

The reflection model proposes instructions in up to three waves, grounded in the data, in the failures of the best
instructions so far on training rows and, from the second wave, in the scores of earlier attempts. Between the waves
a surrogate searches instructions x demonstrations on minibatches of the validation rows; the choice is made among
candidates that answered all of them.
"""

from __future__ import annotations

import asyncio
from itertools import zip_longest

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.instructions.board import Board
from whetstone.optimize.instructions.grounding import FEWEST_PROPOSALS, answered, summary
from whetstone.optimize.instructions.planning import Plan, plan, smallest
from whetstone.optimize.instructions.proposals import Proposals
from whetstone.optimize.instructions.request import Attempt
from whetstone.optimize.instructions.space import Instruction, Point, Space
from whetstone.optimize.instructions.trials import TOO_DEAR, Trials
from whetstone.optimize.instructions.winner import Winner
from whetstone.optimize.optimizer import SearchContext, SearchResult, tokens_a_call

_BESIDE_PROPOSALS = 4 / 3
"""A quarter of the tokens is left to proposals."""


async def search(context: SearchContext) -> SearchResult:
    """Run the search; see `SearchContext` and `SearchResult`.

    When nothing better can be tried (no usable proposal and no demonstrations), or the incumbent is right on every
    validation row, the result's best is the incumbent itself and `origin` says so.

    Raises `InvalidInputError` when the budget allows no search at all, and `InvalidEvaluationError` when the
    incumbent or the start cannot be scored, or the reflection model gives no answer.
    """
    return await _Search(context, _plan(context, await context.width())).run()


class _Search:
    """One run."""

    def __init__(self, context: SearchContext, shape: Plan) -> None:
        self._context = context
        self._plan = shape
        self._space = space = Space(context)
        self._board = Board(context, space, context.validation[: shape.rows])
        self._winner = Winner(context, space, self._board)
        self._trials = Trials(context, shape, space, self._board, self._winner)
        self._proposals: Proposals | None = None

    async def run(self) -> SearchResult:
        """Score the references, then propose and try, wave by wave."""
        if others := len(self._context.start.components):
            self._context.progress.log(
                f"instruction-search improves the system prompt; {others} other texts stay as they are"
            )
        stop = await self._references()
        for wave, count in enumerate(self._plan.waves):
            if stop is None and not self._trials.solved:
                stop = await self._wave(wave, count)
        if (stop is None or stop in TOO_DEAR) and not self._trials.solved:
            stop = await self._trials.finish(len(self._plan.waves)) or stop
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
        self._board.refresh()
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
        made, stop = await self._propose(wave, count)
        if stop is not None:
            return stop
        first = len(self._space.instructions)
        self._space.instructions += made
        self._trials.enqueue(self._first_trials(wave, list(range(first, first + len(made)))))
        for each in made:
            context.progress.log(f"{each.origin}: {each.hypothesis}")
        if made:
            message = f"wave {wave + 1} of {waves}: trying {len(made)} new instructions"
            context.tell(0.0, message, hypothesis=made[0].hypothesis)
        later = (waves - wave - 1) * self._plan.reflected
        return await self._trials.run(wave, (self._trials.spare() - later) // (waves - wave))

    async def _propose(self, wave: int, count: int) -> tuple[list[Instruction], str | None]:
        context, best = self._context, self._board.best()
        rows = max(0, min(self._plan.reflected, self._trials.spare()))
        context.tell(0.0, f"wave {wave + 1}: looking at what goes wrong on {rows} training rows")
        material, stop = await answered(context, best.candidate, wave, rows)
        if stop is not None:
            return [], stop
        if material.mean is not None:
            context.progress.log(
                f"{best.origin}: {material.mean:.2f} on {rows} training rows, "
                f"{len(material.failures)} of them not right"
            )
        if not wave:
            await asyncio.to_thread(self._space.learn, {row.id for row, _ in material.failures})
        if not count:
            return [], None
        if self._proposals is None:
            self._proposals = Proposals(context, await summary(context, material))
        return await self._proposals.wave(wave, count, material, self._attempts() if wave else ()), None

    def _first_trials(self, wave: int, new: list[int]) -> list[Point]:
        """What each wave tries first: every new instruction once, and in the first wave every set of demonstrations.

        In the first wave the instructions are tried as they are, and each set with one of them; later ones are tried
        with the demonstrations that did best so far.
        """
        if wave:
            best = self._board.best().point
            return [best._replace(instruction=each) for each in new]
        _, sets, renderings = self._space.shape
        rng = derived(self._context.spec.seed, self._context.name("first-trials"), "pairs")
        partners = [0, *new]
        rng.shuffle(partners)
        shown = [
            Point(partners[place % len(partners)], place, rng.randrange(renderings))
            for place in range(1, sets)
        ]
        alone = [Point(each, 0, 0) for each in new]
        mixed = [point for pair in zip_longest(alone, shown) for point in pair if point is not None]
        return [self._space.plain(point) for point in mixed]

    def _attempts(self) -> list[Attempt]:
        """The instructions that have scores."""
        standing = ((each, self._board.standing(i)) for i, each in enumerate(self._space.instructions))
        return [Attempt(each.text, *found) for each, found in standing if found is not None]

    async def _end(self, stop: str | None) -> SearchResult:
        """The result, or an error that says why there is none."""
        context = self._context
        if stop is None and context.ledger.proposals_left() == 0:
            stop = "budget_proposals"
        if (found := await self._winner.result(stop)) is not None:
            return found
        incumbent = self._board.known(context.incumbent)
        if self._trials.solved or (stop in (None, "budget_proposals") and not self._board.arms):
            why = (
                f"today's prompt is right on all {len(self._board.rows)} validation rows already"
                if self._trials.solved
                else "today's prompt: nothing else could be tried, no proposal was usable"
            )
            context.progress.log(why)
            return SearchResult(
                best=incumbent,
                incumbent=incumbent,
                origin=why,
                tried=0,
                finish_reason=stop or "completed",
                lineage=list(self._board.lineage),
            )
        if stop is None:
            raise InvalidEvaluationError(
                "No candidate can be scored: too many calls failed under each of them"
            )
        raise InvalidInputError(
            f"The budget ended ({stop}) before one candidate was scored; allow more calls, tokens or seconds"
        )


def _plan(context: SearchContext, width: int) -> Plan:
    """The plan within the calls (and the tokens for them) that are left; raises `InvalidInputError` without one."""
    rows, repeats = len(context.validation), context.spec.repeats
    compared = {each.id: each for each in (context.incumbent, context.start)}
    known = not context.evaluator.cost([(each, context.validation) for each in compared.values()], repeats)
    references = 0 if known else len(compared)
    tokens = _BESIDE_PROPOSALS * (
        tokens_a_call([context.incumbent, context.start], context.validation) + _shown_tokens(context)
    )
    proposals = context.ledger.proposals_left()
    if proposals is not None and proposals >= FEWEST_PROPOSALS:
        proposals -= 1  # the summary is one
    found = plan(
        context.spec.instructions,
        calls=context.affordable_calls(tokens),
        rows=rows,
        references=references,
        training=len(context.train),
        proposals=proposals,
        repeats=repeats,
        width=width,
    )
    if found is None:
        gate, needed = context.ledger.gate_calls, smallest(rows, references, repeats)
        raise InvalidInputError(
            f"The budget is too small: the gate makes {gate} calls on the test rows and the smallest search "
            f"{needed}. Allow at least {gate + needed} calls, and the tokens for them"
        )
    return found


def _shown_tokens(context: SearchContext) -> float:
    """Estimated tokens of a set of demonstrations."""
    if not context.spec.instructions.demonstration_sets or not context.pool:
        return 0.0
    typical = sum(row.tokens for row in context.pool) / len(context.pool)
    return typical * context.spec.few_shot.demonstrations
