"""What an optimizer is given and what it gives back; each optimizer is one function of this shape."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.spec import NativeSpec


@dataclass(frozen=True, slots=True)
class Edit:
    """One accepted change: what changed, why it was thought to help, and the rows that show it.

    `diff` is a unified diff of the changed texts. `minibatch_delta`: mean score on the evidence rows, after minus
    before.
    """

    diff: str
    hypothesis: str
    evidence_row_ids: tuple[str, ...]
    minibatch_delta: float

    def to_dict(self) -> dict[str, Any]:
        """The artifact's form."""
        return {
            "diff": self.diff,
            "hypothesis": self.hypothesis,
            "evidenceRowIds": list(self.evidence_row_ids),
            "minibatchDelta": round(self.minibatch_delta, 4),
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The challenger for the gate and how it was found.

    `best` and `incumbent` are scored on the same validation rows. `lineage` entries are those of the artifact.
    `finish_reason`: `completed`, or the limit that ended the search (`budget_calls`, `budget_tokens`,
    `budget_cost`, `budget_seconds`, `budget_proposals`). `optimizer`: in a composed search, the one that found `best`.
    `frontier`: other good candidates, as the artifact shows them (`prompt`, `score`, `promptTokenCount`, `origin`).
    """

    best: Evaluation
    incumbent: Evaluation
    origin: str
    tried: int
    finish_reason: str
    lineage: list[dict[str, Any]] = field(default_factory=list)
    edits: tuple[Edit, ...] = ()
    optimizer: str | None = None
    frontier: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class BestSoFar:
    """What a search would hand to the gate if it ended now; `save` writes it down."""

    result: SearchResult | None = None
    save: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class SearchContext:
    """The whole world of a search. The test split is not part of it.

    `incumbent` is what the agent runs today, `baseline` its instructions without demonstrations, `start` the
    candidate to build on (`baseline`, or the best of an earlier stage). `pool` may be shown as demonstrations,
    `train` may be asked and reflected on, `validation` (in an order whose every prefix is balanced) chooses. `room`:
    tokens of a whole request. `teacher` asks the teacher model where that is another than the task's. `goal` says in
    words what the metric rewards. `stage`, in a composed search the name of its optimizer, prefixes the names of
    steps, and `stage_calls` is the count of search calls at which the stage must end (None: the search's own limit).
    """

    spec: NativeSpec
    incumbent: Candidate
    baseline: Candidate
    start: Candidate
    pool: tuple[Example, ...]
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    room: int
    goal: str
    evaluator: Evaluator
    proposer: Proposer
    guard: Guard
    journal: Journal
    ledger: Ledger
    progress: Progress
    best: BestSoFar
    teacher: Evaluator | None = None
    stage: str = ""
    stage_calls: int | None = None

    def name(self, step: str) -> str:
        """The name of a step in the journal, unique over the stages of a job."""
        return f"{self.stage}/{step}" if self.stage else step

    def calls_left(self) -> int:
        """Answers that the search may still ask for."""
        left = self.ledger.search_calls_left()
        if self.stage_calls is None:
            return left
        return max(0, min(left, self.stage_calls - self.ledger.search_calls_made()))

    def affordable_calls(self, tokens_a_call: float, gate_call: float = 0.0) -> int:
        """The same where each takes `tokens_a_call` tokens and each of the gate's at least `gate_call`, which the budget
        may limit too."""
        return min(self.calls_left(), self.ledger.affordable_calls(tokens_a_call, gate_call))

    async def width(self) -> int:
        """Calls that the endpoint took at once when the search began; a resumed one, which may find another width,
        plans with the same."""

        async def found() -> dict[str, int]:
            return {"width": self.evaluator.width}

        recorded = await self.journal.step(self.name("width"), "plan", found)
        return int(recorded["width"])

    async def problem(self, candidate: Candidate, parent: Candidate) -> str | None:
        """`guard.problem`, off the event loop: the privacy filter reads long texts for tens of milliseconds."""
        return await asyncio.to_thread(self.guard.problem, candidate, parent)

    def in_stage(self, stage: str, start: Candidate, calls: int) -> Self:
        """The context of one stage of a composed search: it builds on `start` and may make `calls` calls."""
        end = self.ledger.search_calls_made() + calls
        return replace(self, stage=self.name(stage), start=start, stage_calls=end)

    async def may_start(self, step: str, calls: int, tokens: float, *, later: int = 0) -> str | None:
        """Why the budget forbids a step of so many calls and (estimated) tokens, of which `later` calls are kept for
        what follows; None if it does not.

        Under a limit of time the answer is kept in the journal, since a resumed run meets another clock.
        """

        def decide() -> str | None:
            if calls > self.calls_left():
                return "budget_calls"
            elapsed = self.journal.elapsed_seconds() + self.ledger.seconds_of(later)
            return self.ledger.why_not(calls, tokens, elapsed)

        async def recorded() -> dict[str, str | None]:
            return {"stop": decide()}

        if self.ledger.limits.max_seconds is None:
            return decide()
        decision = await self.journal.step(self.name(f"{step}/budget"), "budget", recorded)
        stop: str | None = decision["stop"]
        return stop

    def clock(self) -> Callable[[int], bool]:
        """The `stop` of an evaluation step of the search."""
        return self.ledger.search_clock(self.journal.elapsed_seconds)

    def tell(self, share: float, message: str, **extra: Any) -> None:
        """Progress of the search, with the best validation score so far and the budget used."""
        found = self.best.result
        known = {} if found is None else {"bestScore": round(found.best.mean, 4)}
        self.progress.at("searching", share, message, **known, budgetUsed=self.ledger.used(), **extra)

    def improved(self, result: SearchResult) -> None:
        """A challenger to save if the job is cancelled now, unless the one before was scored on more rows or higher."""
        if self.stage and result.optimizer is None:
            result = replace(result, optimizer=self.stage.split("/")[0])
        known = self.best.result
        if known is None or (result.best.wanted, result.best.mean) >= (known.best.wanted, known.best.mean):
            self.best.result = result
            self.best.save()


Optimizer = Callable[[SearchContext], Awaitable[SearchResult]]


def tokens_a_call(candidates: Sequence[Candidate], rows: Sequence[Example]) -> float:
    """Estimated tokens of one call under the longest of `candidates`, the answer as long as the right one."""
    longest = max((candidate.tokens() for candidate in candidates), default=0)
    return longest + sum(row.tokens for row in rows) / max(len(rows), 1)


def lineage_entry(
    number: int,
    variant: int,
    candidate: Candidate,
    score: float,
    *,
    rows: int,
    notes: str,
    **more: Any,
) -> dict[str, Any]:
    """The artifact's entry of a candidate that was scored on `rows` validation rows in round `number`."""
    entry = {"round": number, "variant": variant, "score": score, "notes": notes}
    return {**entry, "rows": rows, "candidate": candidate.id[:16], **more}


def changed(old: Candidate, new: Candidate) -> str:
    """A unified diff of the texts that differ."""
    before = old.texts()
    lines: list[str] = []
    for name, text in new.texts().items():
        if text != before.get(name, ""):
            was = before.get(name, "").splitlines()
            lines += difflib.unified_diff(was, text.splitlines(), name, name, lineterm="", n=1)
    return "\n".join(lines)
