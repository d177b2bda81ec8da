"""auto: few-shot, then instructions, then evolution, each on the best of the former, while it pays.

Demonstrations come first: they are cheap and, on most tasks with a small model, the strongest single change (MIPRO,
arXiv 2406.11695, table 2). Instructions follow where the budget lasts and the validation score still moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import PERFECT, Evaluation
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer, UnusableReflectionError
from whetstone.optimize.evolution import search as prompt_evolution
from whetstone.optimize.fewshot import search as bootstrap_fewshot
from whetstone.optimize.instructions import search as instruction_search
from whetstone.optimize.optimizer import Edit, Optimizer, SearchContext, SearchResult, tokens_a_call
from whetstone.optimize.stages import StageProgress, UnusableProposer

_LEFT_OUT = "left-out"
_STILL_STAGES = 2
"""Stages in a row without a gain after which the search ends."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One search of the policy.

    It gets `share` of the calls that are left when it starts, and is left out where these would not score `least`
    candidates on all validation rows. `reflects`: it needs proposals.
    """

    name: str
    search: Optimizer
    share: float
    least: int
    reflects: bool = True


STAGES: tuple[Stage, ...] = (
    Stage("bootstrap-fewshot", bootstrap_fewshot.search, 0.2, least=1, reflects=False),
    # It scores whole prompts, so that it needs more calls for its first word than a search that edits.
    Stage("instruction-search", instruction_search.search, 0.25, least=3),
    Stage("prompt-evolution", prompt_evolution.search, 1.0, least=1),
)


async def search(context: SearchContext) -> SearchResult:
    """Run the stages; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget or the rows allow no stage (it says why the first one could not run),
    and `InvalidEvaluationError` when the incumbent cannot be scored.
    """
    return await Policy(context, STAGES).run()


class Policy:
    """The stages of one job, one after the other."""

    def __init__(self, context: SearchContext, stages: Sequence[Stage] = STAGES) -> None:
        self._context = context
        self._stages = stages
        self._calls_before = context.ledger.search_calls_made()
        self._calls = max(context.calls_left(), 1)
        self._best: SearchResult | None = None
        self._tried = 0
        self._still = 0
        self._stopped: str | None = None
        self._problem: InvalidInputError | None = None
        self._lineage: list[dict[str, Any]] = []
        self._edits: tuple[Edit, ...] = ()  # those that led to what the present stage builds on

    async def run(self) -> SearchResult:
        """The best candidate over all stages, chosen on the same validation rows."""
        unusable: str | None = None
        for stage in self._stages:
            if stage.reflects and unusable is not None:
                self._context.progress.log(
                    f"{stage.name} is left out: the reflection model is of no use here: {unusable}"
                )
                continue
            if (reason := self._why_end()) is not None:
                self._context.progress.log(f"the search ends before {stage.name}: {reason}")
                break
            if self._best is not None and self._calls_of(stage) < stage.least * self._rows():
                self._context.progress.log(
                    f"{stage.name} is left out: its {self._calls_of(stage)} calls would not show which candidate is better"
                )
                continue
            unusable = await self._try(stage)
            if self._stopped not in (None, "budget_calls"):
                break
        found = self._found()
        if found is None:
            raise self._problem or InvalidInputError("No stage of the search could run")
        return found

    def _why_end(self) -> str | None:
        """Why the search ends before the next stage, in words; None if it goes on."""
        if self._best is None:
            return None
        if self._best.best.mean >= PERFECT and self._best.best.wanted == self._rows():
            return "nothing is left to gain on the validation rows"
        if self._still >= _STILL_STAGES:
            return f"{self._still} stages in a row brought no gain on the validation rows"
        left = self._context.calls_left()
        if left < self._rows():
            self._stopped = "budget_calls"
            return f"{left} calls are left, too few for another candidate"
        return None

    async def _try(self, stage: Stage) -> str | None:
        """Run a stage and take in what it found; why the reflection model cannot be used, if it cannot."""
        context = self._context
        asked, accepted = self._proposals()
        try:
            self._take(stage, await self._run(stage))
        except InvalidInputError as error:
            self._problem = self._problem or error
            self._still += self._best is not None
            context.progress.log(f"{stage.name} ends without a result: {error.message}")
        except UnusableReflectionError as error:
            if self._best is None:
                raise
            context.progress.log(f"{stage.name} ends without a result: {error.message}")
            await context.journal.step(
                context.name(f"{stage.name}/{_LEFT_OUT}"), "left-out", partial(_as_data, error)
            )
            return error.message
        now, usable = self._proposals()
        if now > asked and usable == accepted:
            return f"none of its {now - asked} proposals could be tried"
        return None

    def _calls_of(self, stage: Stage) -> int:
        """Calls that the stage gets: its share, and enough to score `least` candidates if it is the first to run."""
        left = self._context.calls_left()
        share = int(left * stage.share)
        return share if self._best is not None else min(left, max(share, (stage.least + 1) * self._rows()))

    def _proposals(self) -> tuple[int, int]:
        """Answers of the reflection model so far, and how many of them could be tried."""
        return self._context.ledger.account("proposals").calls, self._context.guard.accepted

    async def _run(self, stage: Stage) -> SearchResult:
        """The stage's result, on all validation rows if the budget allows."""
        context = self._context
        left, calls = context.calls_left(), self._calls_of(stage)
        start = self._start()
        context.progress.log(f"{stage.name} starts with {calls} of the {left} calls that are left")
        done = context.ledger.search_calls_made() - self._calls_before
        inside = replace(
            context.in_stage(stage.name, start, calls),
            proposer=self._proposer(stage),
            progress=StageProgress(context.progress, done / self._calls, (done + calls) / self._calls),
        )
        found = await stage.search(inside)
        work = [(candidate, context.validation) for candidate in (context.incumbent, found.best.candidate)]
        missing = context.evaluator.cost(work, context.spec.repeats)
        tokens = missing * tokens_a_call([candidate for candidate, _ in work], context.validation)
        step = f"{stage.name}/all-rows"
        if missing and await context.may_start(step, missing, tokens) is None:
            await context.evaluator.evaluate(
                context.name(step),
                work,
                required=[context.incumbent],
                stop=context.clock(),
                repeats=context.spec.repeats,
            )
        return found

    def _start(self) -> Candidate:
        """What the next stage builds on: the best so far, unless it is worse than what the search began with."""
        context, best = self._context, self._best
        self._edits = () if best is None else best.edits
        if best is None:
            return context.start
        scores = self._on_same_rows([context.start, best.best.candidate])
        first, last = scores[context.start.id], scores[best.best.candidate.id]
        if first.valid and first.mean > last.mean:
            self._edits = ()
            return context.start
        return last.candidate

    def _proposer(self, stage: Stage) -> Proposer:
        """The reflection model; in a resumed run as unusable as it was before."""
        known = self._context.journal.recorded(self._context.name(f"{stage.name}/{_LEFT_OUT}"))
        if known is None:
            return self._context.proposer
        return UnusableProposer(self._context.proposer, self._context.journal, str(known["reason"]))

    def _take(self, stage: Stage, found: SearchResult) -> None:
        """Take in a stage's result, and make it the best if it is."""
        rounds = 1 + max((int(entry["round"]) for entry in self._lineage), default=-1)
        for entry in found.lineage:
            notes = f"{stage.name}: {entry.get('notes') or ''}".rstrip(": ")
            self._lineage.append({**entry, "round": rounds + entry["round"], "notes": notes})
        self._tried += found.tried
        self._stopped = None if found.finish_reason == "completed" else found.finish_reason
        gain, better = self._compare(found)
        self._still = 0 if gain > 0 else self._still + 1
        if better:
            scores = self._on_same_rows([self._context.incumbent, found.best.candidate])
            best, incumbent = scores[found.best.candidate.id], scores[self._context.incumbent.id]
            if not (best.rows and best.valid and incumbent.valid):
                best, incumbent = found.best, found.incumbent
            self._best = replace(
                found,
                best=best,
                incumbent=incumbent,
                origin=f"{stage.name}: {found.origin}",
                edits=(*self._edits, *found.edits),
                optimizer=stage.name,
            )
        if (result := self._found()) is not None:
            self._context.improved(result)

    def _compare(self, found: SearchResult) -> tuple[float, bool]:
        """What a stage gained over the best so far, and whether its result is better.

        It must be on all rows that the best was scored on; among equals the shorter prompt wins.
        """
        if self._best is None:
            return found.best.mean - found.incumbent.mean, True
        before = self._best.best
        scores = self._on_same_rows([before.candidate, found.best.candidate])
        old, new = scores[before.candidate.id], scores[found.best.candidate.id]
        if not new.valid or new.wanted < before.wanted:
            return 0.0, False
        gain = new.mean - old.mean
        shorter = new.candidate.tokens() < old.candidate.tokens()
        return gain, gain > 0 or (gain == 0 and shorter)

    def _on_same_rows(self, candidates: Sequence[Candidate]) -> Mapping[str, Evaluation]:
        """The candidates on the validation rows that all of them were asked."""
        context, repeats = self._context, self._context.spec.repeats
        common = [
            row
            for row in context.validation
            if all(context.evaluator.collect(each, [row], repeats).complete for each in candidates)
        ]
        return {each.id: context.evaluator.collect(each, common, repeats) for each in candidates}

    def _found(self) -> SearchResult | None:
        if self._best is None:
            return None
        return replace(
            self._best,
            tried=self._tried,
            finish_reason=self._stopped or "completed",
            lineage=list(self._lineage),
        )

    def _rows(self) -> int:
        """Answers of one pass over the validation rows."""
        return len(self._context.validation) * self._context.spec.repeats


async def _as_data(error: UnusableReflectionError) -> dict[str, str]:
    return {"reason": error.message}
