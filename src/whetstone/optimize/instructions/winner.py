"""The choice of the challenger, and what is said about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.program import PROMPT, Candidate
from whetstone.optimize.fewshot.halving import MIN_ROWS
from whetstone.optimize.instructions.board import Arm, Board
from whetstone.optimize.instructions.space import Instruction, Space
from whetstone.optimize.optimizer import Edit, SearchContext, SearchResult, changed, tokens_a_call
from whetstone.optimize.rows.examples import Example

_NOISE_ROWS = 0.5
"""Means closer than this much of one row are equal; then the shorter prompt wins."""


class Winner:
    """Who would go to the gate now."""

    def __init__(self, context: SearchContext, space: Space, board: Board) -> None:
        self._context = context
        self._space = space
        self._board = board
        self._announced = ""

    def announce(self) -> None:
        """Tell of a fully validated candidate that is better than all before and than the incumbent."""
        chosen = self.choose()
        incumbent = self._board.known(self._context.incumbent)
        if chosen is None or chosen.candidate.id == self._announced:
            return
        found = self._board.known(chosen.candidate)
        if found.mean <= incumbent.mean:
            return
        self._announced = chosen.candidate.id
        edits = tuple(self._edit(chosen))
        self._context.improved(self._result(chosen, found, incumbent, "completed", edits))
        self._context.progress.log(
            f"new best: {chosen.origin}, {found.mean:.2f} on {len(self._board.rows)} validation rows "
            f"(today's prompt {incumbent.mean:.2f})",
            **({"edit": edits[0].to_dict()} if edits else {}),
        )

    def choose(self) -> Arm | None:
        """The best of the fully validated candidates that are not the incumbent; the start is one of them."""
        found = self._board.finished()
        context = self._context
        if context.start.id != context.incumbent.id and self._board.known(context.start).valid:
            found = [self._board.start, *found]
        if not found:
            return None
        means = {arm.candidate.id: self._board.known(arm.candidate).mean for arm in found}
        enough = max(means.values()) - _NOISE_ROWS / len(self._board.rows)
        equal = [arm for arm in found if means[arm.candidate.id] >= enough]
        return min(equal, key=lambda arm: (arm.candidate.tokens(), -means[arm.candidate.id], arm.number))

    async def result(self, stop: str | None) -> SearchResult | None:
        """The search's result; None when no candidate was scored on at least `MIN_ROWS` rows.

        Where the budget ended before any was fully validated, the best is chosen on the rows that it answered.
        """
        reason = stop or "completed"
        chosen = self.choose()
        if chosen is not None:
            await self._check(chosen)
            found, incumbent = (
                self._board.known(each) for each in (chosen.candidate, self._context.incumbent)
            )
            return self._result(chosen, found, incumbent, reason, tuple(self._edit(chosen)))
        for arm, _ in self._board.waiting():
            answered = self._board.known(arm.candidate).by_example()
            rows = [row for row in self._board.rows if row.id in answered]
            found = self._board.known(arm.candidate, rows)
            if len(rows) >= min(MIN_ROWS, len(self._board.rows)) and found.valid:
                incumbent = self._board.known(self._context.incumbent, rows)
                return self._result(arm, found, incumbent, reason, tuple(self._edit(arm)))
        return None

    def _result(
        self, arm: Arm, best: Evaluation, incumbent: Evaluation, reason: str, edits: tuple[Edit, ...]
    ) -> SearchResult:
        return SearchResult(
            best=best,
            incumbent=incumbent,
            origin=arm.origin,
            tried=len(self._board.arms),
            finish_reason=reason,
            lineage=list(self._board.lineage),
            edits=edits,
            frontier=self._frontier(arm),
        )

    def _frontier(self, chosen: Arm) -> list[dict[str, Any]]:
        """The other fully validated candidates that none beats in score and length at once, the best first."""
        scored = [(self._board.known(arm.candidate).mean, arm) for arm in self._board.finished()]
        scored.sort(key=lambda each: (-each[0], each[1].candidate.tokens(), each[1].number))
        front: list[dict[str, Any]] = []
        shortest = math.inf
        for score, arm in scored:
            tokens = arm.candidate.tokens()
            if tokens >= shortest:
                continue
            shortest = tokens
            if arm.candidate.id != chosen.candidate.id:
                found = {"prompt": arm.candidate.prompt, "score": score, "promptTokenCount": tokens}
                front.append({**found, "origin": arm.origin})
        return front

    async def _check(self, arm: Arm) -> None:
        """Ask the start and the new instructions the training rows that motivated them, if calls are left for it."""
        context, instruction = self._context, self._instruction(arm)
        if not instruction.evidence:
            return
        work = [(each, instruction.evidence) for each in self._compared(instruction)]
        calls = context.evaluator.cost(work)
        tokens = calls * tokens_a_call([each for each, _ in work], instruction.evidence)
        if calls and await context.may_start("evidence", calls, tokens) is None:
            await context.evaluator.evaluate(context.name("evidence"), work, stop=context.clock())

    def _edit(self, arm: Arm) -> list[Edit]:
        """What the arm's instructions change, with the mean change of score on the training rows that motivated it,
        as far as both were asked them."""
        instruction = self._instruction(arm)
        start, new = self._compared(instruction)
        before, after = (self._scores(each, instruction.evidence) for each in (start, new))
        if instruction.text == self._context.start.prompt:
            return []
        both = [row.id for row in instruction.evidence if row.id in before and row.id in after]
        delta = sum(after[row] - before[row] for row in both) / len(both) if both else 0.0
        evidence = tuple(row.id for row in instruction.evidence)
        return [Edit(changed(start, new), instruction.hypothesis, evidence, delta)]

    def _instruction(self, arm: Arm) -> Instruction:
        return self._space.instructions[arm.point.instruction]

    def _compared(self, instruction: Instruction) -> tuple[Candidate, Candidate]:
        start = self._context.start
        return start, start.with_text(PROMPT, instruction.text)

    def _scores(self, candidate: Candidate, rows: Sequence[Example]) -> dict[str, float]:
        return self._context.evaluator.collect(candidate, rows).by_example()
