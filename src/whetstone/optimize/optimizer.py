"""What an optimizer is given and what it gives back; each optimizer is one function of this shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from whetstone.optimize.engine.evaluation import Evaluation
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.spec import NativeSpec


@dataclass(frozen=True, slots=True)
class SearchContext:
    """The whole world of a search. The test split is not part of it.

    `incumbent` is what the agent runs today, `baseline` the instructions to build on (without demonstrations);
    `pool` may be shown, `validation` (in an order whose every prefix is balanced) is scored. `room`: tokens of a
    whole request.
    """

    spec: NativeSpec
    incumbent: Candidate
    baseline: Candidate
    pool: tuple[Example, ...]
    validation: tuple[Example, ...]
    room: int
    evaluator: Evaluator
    journal: Journal
    ledger: Ledger
    progress: Progress


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The challenger for the gate and how it was found.

    `best` and `incumbent` are scored on the same validation rows. `lineage` entries are those of the artifact.
    `finish_reason`: `completed`, or the limit that ended the search (`budget_calls`, `budget_tokens`,
    `budget_seconds`).
    """

    best: Evaluation
    incumbent: Evaluation
    origin: str
    tried: int
    finish_reason: str
    lineage: list[dict[str, Any]] = field(default_factory=list)


Optimizer = Callable[[SearchContext], Awaitable[SearchResult]]
