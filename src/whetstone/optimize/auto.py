"""auto: few-shot, then instructions, then evolution, each on the best of the former, while it pays.

Demonstrations come first: they are cheap and, on most tasks with a small model, the strongest single change (MIPRO,
arXiv 2406.11695, table 2). Instructions follow where the budget lasts and the validation score still moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import UnusableReflectionError
from whetstone.optimize.evolution import search as prompt_evolution
from whetstone.optimize.fewshot import search as bootstrap_fewshot
from whetstone.optimize.instructions import search as instruction_search
from whetstone.optimize.optimizer import Optimizer, SearchContext, SearchResult, tokens_a_call
from whetstone.optimize.reporter import Progress

_LEAST_PASSES = 3
"""A stage that may not score so many candidates on all validation rows is not worth starting."""
_PERFECT = 0.9999
_STILL_STAGES = 2
"""Stages in a row without a gain after which the search ends."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One search of the policy; `share` of the calls that are left when it starts; `reflects`: it needs proposals."""

    name: str
    search: Optimizer
    share: float
    reflects: bool = True


STAGES: tuple[Stage, ...] = (
    Stage("bootstrap-fewshot", bootstrap_fewshot.search, 0.3, reflects=False),
    Stage("instruction-search", instruction_search.search, 0.45),
    Stage("prompt-evolution", prompt_evolution.search, 1.0),
)


async def search(context: SearchContext) -> SearchResult:
    """Run the stages; see `SearchContext` and `SearchResult`.

    Raises `InvalidInputError` when the budget or the rows do not even allow the first stage, and
    `InvalidEvaluationError` when the incumbent cannot be scored.
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
        self._lineage: list[dict[str, Any]] = []

    async def run(self) -> SearchResult:
        """The best candidate over all stages, chosen on the same validation rows."""
        unusable: str | None = None
        for stage in self._stages:
            if stage.reflects and unusable is not None:
                self._context.progress.log(f"{stage.name} is left out: {unusable}")
                continue
            if (reason := self._why_end()) is not None:
                self._context.progress.log(f"the search ends before {stage.name}: {reason}")
                break
            unusable = await self._try(stage)
            if self._stopped not in (None, "budget_calls"):
                break
        found = self._found()
        if found is None:
            raise InvalidInputError("No stage of the search could run; allow more calls or give more rows")
        return found

    def _why_end(self) -> str | None:
        """Why the search ends before the next stage, in words; None if it goes on."""
        if self._best is None:
            return None
        if self._best.best.mean >= _PERFECT and self._best.best.wanted == self._rows():
            return "nothing is left to gain on the validation rows"
        if self._still >= _STILL_STAGES:
            return f"{self._still} stages in a row brought no gain on the validation rows"
        left = self._context.calls_left()
        if left < _LEAST_PASSES * self._rows():
            self._stopped = "budget_calls"
            return f"{left} calls are left, too few for it"
        return None

    async def _try(self, stage: Stage) -> str | None:
        """Run a stage and take in what it found; why the reflection model cannot be used, if it cannot."""
        step = self._context.name(f"{stage.name}/left-out")
        known = self._context.journal.recorded(step)
        if known is None:
            try:
                self._take(stage, await self._run(stage))
                return None
            except (UnusableReflectionError, InvalidInputError) as error:
                if self._best is None:
                    raise
                left_out = {
                    "reason": error.message,
                    "unusable": isinstance(error, UnusableReflectionError),
                }
            # Kept, so that a resumed run leaves out what this one did.
            known = await self._context.journal.record(step, "left-out", left_out)
        self._still += 1
        self._context.progress.log(f"{stage.name} ends without a result: {known['reason']}")
        return str(known["reason"]) if known["unusable"] else None

    async def _run(self, stage: Stage) -> SearchResult:
        """The stage's result, on all validation rows if the budget allows."""
        context = self._context
        left = context.calls_left()
        calls = min(left, max(int(left * stage.share), _LEAST_PASSES * self._rows()))
        start = context.start if self._best is None else self._best.best.candidate
        context.progress.log(f"{stage.name} starts with {calls} of the {left} calls that are left")
        done = context.ledger.search_calls_made() - self._calls_before
        inside = replace(
            context.in_stage(stage.name, start, calls),
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

    def _take(self, stage: Stage, found: SearchResult) -> None:
        """Take in a stage's result: it becomes the best if it is better on all rows that the best was scored on."""
        context, before = self._context, self._best
        rounds = 1 + max((int(entry["round"]) for entry in self._lineage), default=-1)
        for entry in found.lineage:
            notes = f"{stage.name}: {entry.get('notes') or ''}".rstrip(": ")
            self._lineage.append({**entry, "round": rounds + entry["round"], "notes": notes})
        self._tried += found.tried
        self._stopped = None if found.finish_reason == "completed" else found.finish_reason
        rivals = [context.incumbent, found.best.candidate]
        rivals += [] if before is None else [before.best.candidate]
        scores = self._on_same_rows(rivals)
        incumbent, new = scores[context.incumbent.id], scores[found.best.candidate.id]
        if not new.valid or not incumbent.valid or not new.rows:
            new, incumbent = found.best, found.incumbent
        gain = new.mean - incumbent.mean
        if before is not None:
            old = scores[before.best.candidate.id]
            gain = new.mean - old.mean
            shorter = new.candidate.tokens() < old.candidate.tokens()
            if new.wanted < before.best.wanted or gain < 0 or (gain == 0 and not shorter):
                self._still += 1
                return
        edits = (*(before.edits if before else ()), *found.edits)
        self._best = replace(
            found, best=new, incumbent=incumbent, origin=f"{stage.name}: {found.origin}", edits=edits
        )
        self._still = 0 if gain > 0 else self._still + 1
        if (result := self._found()) is not None:
            context.improved(result)

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


class StageProgress(Progress):
    """Progress of one stage as a part (from `low` to `high`) of the search of the whole job."""

    def __init__(self, whole: Progress, low: float, high: float) -> None:
        self._whole = whole
        self._low = low
        self._high = high

    def at(self, phase: str, share: float, message: str, **extra: Any) -> None:
        """`share` of `phase` is done in this stage."""
        if phase == "bootstrapping":
            if self._low == 0:
                self._whole.at(phase, share, message, **extra)
                return
            share = 0.0  # a later stage looks for examples: the job's search goes on
        part = self._low + (self._high - self._low) * min(max(share, 0.0), 1.0)
        self._whole.at("searching", part, message, **extra)

    @property
    def due(self) -> bool:
        """Whether `tick` would tell anything now."""
        return self._whole.due

    def log(self, message: str, **extra: Any) -> None:
        """One line for the job's log."""
        self._whole.log(message, **extra)
