"""Trials: batches of candidates on minibatches, and full validation of the best."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from whetstone.optimize.engine.evaluation import PERFECT
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.instructions.board import Arm, Board
from whetstone.optimize.instructions.planning import Plan
from whetstone.optimize.instructions.rounds import at_once
from whetstone.optimize.instructions.space import Point, Space
from whetstone.optimize.instructions.surrogate import suggest
from whetstone.optimize.instructions.winner import Winner
from whetstone.optimize.optimizer import SearchContext, tokens_a_call
from whetstone.optimize.rows.examples import Example

_DOUBTS = 2.0
"""An arm so many standard errors below the best full score is not validated any more."""

TOO_DEAR = ("budget_tokens", "budget_cost")
"""Limits that forbid a large step and may allow a small one."""

Batch = list[tuple[Arm, list[Example]]]


class Trials:
    """Runs the trials of one search.

    Calls for the full validation of the finalists are kept back all the time, so a search that is cut off by its calls
    has a fully validated candidate.
    """

    def __init__(
        self, context: SearchContext, plan: Plan, space: Space, board: Board, winner: Winner
    ) -> None:
        self._context = context
        self._plan = plan
        self._space = space
        self._board = board
        self._winner = winner
        self._queue: deque[Point] = deque()
        self._refused: set[Point] = set()
        self._batches = 0
        self._since_full = 0
        self._calls_at_start = max(context.calls_left(), 1)

    @property
    def solved(self) -> bool:
        """Whether nothing can score better than what is validated."""
        return self._board.top_score() >= PERFECT

    def spare(self) -> int:
        """Calls that trials may use now."""
        finalists = max(1, self._plan.finalists - len(self._board.finished()))
        rest = (self._plan.rows - self._plan.minibatch) * self._context.spec.repeats
        return self._context.calls_left() - finalists * rest

    def enqueue(self, points: Sequence[Point]) -> None:
        """Points to try before any that the surrogate suggests."""
        self._queue.extend(points)

    async def run(self, wave: int, calls: int) -> str | None:
        """Try candidates with up to `calls` calls; the limit that stopped it before, if one did."""
        end = self._context.calls_left() - calls
        while not self.solved:
            left = min(self.spare(), self._context.calls_left() - end)
            full = self._due()
            left -= self._board.cost([full.candidate]) if full else 0
            batch = await self._batch(left // (self._plan.minibatch * self._context.spec.repeats), full)
            if not batch:
                return None
            rows = [] if full is None else [(full, list(self._board.rows))]
            shortest = min(batch, key=lambda each: each[0].candidate.tokens())
            if stop := await self._try(f"trials-{self._batches}", wave, [*rows, *batch], shortest):
                return stop
            self._since_full = len(batch) if full else self._since_full + len(batch)
            self._batches += 1
        return None

    async def finish(self, wave: int) -> str | None:
        """Validate the most promising candidates fully, as far as calls are left; the limit that stopped it, if one
        did."""
        for turn in range(self._plan.finalists):
            chosen = self._finalists()
            if not chosen:
                return None
            work = [(arm, list(self._board.rows)) for arm in chosen]
            if stop := await self._try(f"final-{turn}", wave, work, work[0]):
                return stop
        return None

    def _finalists(self) -> list[Arm]:
        """The best waiting arms that the calls left can validate."""
        chosen: list[Arm] = []
        left = self._context.calls_left()
        for arm, estimate in self._board.waiting():
            if len(chosen) == self._plan.finalists or not self._promising(arm, estimate):
                break
            cost = self._board.cost([arm.candidate])
            if cost <= left:
                chosen.append(arm)
                left -= cost
        return chosen

    def _promising(self, arm: Arm, estimate: float) -> bool:
        """Whether an arm may yet be the best; the first is always worth knowing."""
        if not self._board.finished():
            return True
        return estimate + _DOUBTS * self._board.doubt(arm) >= self._board.top_score()

    def _due(self) -> Arm | None:
        """The arm whose full validation is due now and affordable."""
        if self._since_full < self._context.spec.instructions.full_every:
            return None
        waiting = self._board.waiting()
        if not waiting or not self._promising(*waiting[0]):
            return None
        best = waiting[0][0]
        return best if self._board.cost([best.candidate]) <= self._context.calls_left() else None

    async def _batch(self, most: int, full: Arm | None) -> Batch:
        """The next arms to try and their rows; nothing when the calls or the candidates are used up."""
        per_arm = self._plan.minibatch * self._context.spec.repeats
        count = min(most, at_once(per_arm, self._plan.width))
        if count < 1:
            return []
        excluded = full.candidate.id if full else None
        points = await asyncio.to_thread(self._next_points, count, excluded)
        arms = [self._board.arm(point) for point in points]
        size = self._plan.minibatch
        return [(arm, self._board.minibatch(arm.candidate, self._batches, size)) for arm in arms]

    def _next_points(self, count: int, excluded: str | None) -> list[Point]:
        """Up to `count` points worth a trial: those that wait, then what the surrogate suggests. Takes a while."""
        points: list[Point] = []
        while self._queue and len(points) < count:
            point = self._usable(self._queue.popleft(), excluded)
            if point is not None and point not in points:
                points.append(point)
        if len(points) < count:
            seed = derived(self._context.spec.seed, self._context.name(f"trials-{self._batches}"), "tpe")
            suggested = suggest(
                self._board.observations(),
                self._space.shape,
                list(self._space.points()),
                lambda point: self._usable(point, excluded),
                count,
                seed.getrandbits(32),
            )
            points += [point for point in suggested if point not in points][: count - len(points)]
        return points

    def _usable(self, point: Point, excluded: str | None) -> Point | None:
        """The plain form of a point that may be tried; None for one that is known, refused or `excluded`."""
        point = self._space.plain(point)
        if point in self._refused:
            return None
        context, candidate = self._context, self._space.candidate(point)
        if candidate.id in (excluded, context.incumbent.id, context.start.id):
            return None
        if self._board.validated(candidate) or self._board.hopeless(candidate):
            return None
        if not self._board.known(candidate).rows and context.guard.problem(candidate, context.start):
            self._refused.add(point)
            return None
        return point

    async def _try(self, step: str, wave: int, work: Batch, alone: tuple[Arm, list[Example]]) -> str | None:
        """Evaluate `work`, or only what must be known, `alone`, where the tokens or the money do not carry more."""
        stop = await self._evaluate(step, wave, work)
        if stop in TOO_DEAR and len(work) > 1:
            await self._evaluate(f"{step}-alone", wave, [alone])
        return stop

    async def _evaluate(self, step: str, wave: int, work: Sequence[tuple[Arm, list[Example]]]) -> str | None:
        context, repeats = self._context, self._context.spec.repeats
        pairs: list[tuple[Candidate, Sequence[Example]]] = [(arm.candidate, rows) for arm, rows in work]
        calls = context.evaluator.cost(pairs, repeats)
        tokens = calls * tokens_a_call([arm.candidate for arm, _ in work], self._board.rows)
        stop = await context.may_start(step, calls, tokens)
        if stop is not None:
            return stop
        result = await context.evaluator.evaluate(
            context.name(step), pairs, stop=context.clock(), repeats=repeats
        )
        self._board.refresh()
        for arm, rows in work:
            self._board.note(arm, rows, wave)
        self._winner.announce()
        self._tell(work)
        return result.stopped

    def _tell(self, work: Sequence[tuple[Arm, list[Example]]]) -> None:
        context, board = self._context, self._board
        best = max(work, key=lambda each: board.known(each[0].candidate, each[1]).mean)[0]
        found = board.known(best.candidate)
        line = f"{best.origin}: {found.mean:.2f} on {len(found.by_example())} of {len(board.rows)} validation rows"
        hypothesis = self._space.instructions[best.point.instruction].hypothesis
        extra = {"hypothesis": hypothesis} if hypothesis else {}
        share = 1 - context.calls_left() / self._calls_at_start
        top = f"best so far {board.top_score():.2f}"
        context.tell(share, f"{len(board.arms)} candidates tried; {line}; {top}", **extra)
        tried = ", ".join(str(arm.number) for arm, _ in work)
        context.progress.log(f"trials of candidates {tried}: the best of them is {line}; {top}")
