"""The world of a search without HTTP: real ledger, journal, evaluator and guard over a scripted model in the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from optimize_world import SYSTEM, Recorder, rows
from whetstone.lm.types import ChatRequest, ChatResponse, Completer, Usage
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger, Purpose
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.optimizer import BestSoFar, SearchContext
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example, parse_row
from whetstone.optimize.rows.pool import build_pool
from whetstone.optimize.rows.stratified import stratified
from whetstone.optimize.spec import BudgetLimits, FewShotOptions, NativeSpec
from whetstone.privacy.gate import PrivacyGate
from whetstone.settings import Settings

Answer = Callable[[Sequence[Any]], str]

MADE = [parse_row(row) for row in rows(100)]  # 40 train, 20 validation, 40 test
BASELINE = Candidate(SYSTEM)
UNLIMITED = BudgetLimits()


def of_split(split: str, examples: Sequence[Example] = MADE) -> list[Example]:
    """The examples of one split."""
    return [example for example in examples if example.split == split]


class ScriptedModel:
    """A model that answers by a function of the messages. It keeps what it was asked."""

    def __init__(self, answer: Answer, model: str = "scripted") -> None:
        self.model = model
        self.requests: list[ChatRequest] = []
        self.most_in_flight = 0
        self._answer = answer
        self._in_flight = 0

    async def complete(self, request: ChatRequest) -> ChatResponse:
        self.requests.append(request)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        await asyncio.sleep(0)
        self._in_flight -= 1
        text = self._answer(request.messages)
        prompt = sum(len(str(message["content"])) for message in request.messages) // 4 + 1
        return ChatResponse(text, (), Usage(prompt, len(text) // 4 + 1), "stop", self.model, 1)


@asynccontextmanager
async def search_context(
    folder: Path,
    settings: Settings,
    answer: Answer,
    *,
    calls: int = 400,
    budget: BudgetLimits = UNLIMITED,
    incumbent: Candidate = BASELINE,
    teacher: ScriptedModel | None = None,
    reflection: Completer | None = None,
    examples: Sequence[Example] = MADE,
    room: int = 8192,
    width: int = 8,
    recorder: Recorder | None = None,
    **changes: Any,
) -> AsyncIterator[tuple[SearchContext, ScriptedModel]]:
    """A context whose task model is the one that comes with it."""
    model = ScriptedModel(answer)
    spec = NativeSpec(
        job_id="job",
        job_dir=folder,
        dataset_id="dataset",
        dataset_dir=folder,
        **{"few_shot": FewShotOptions(demonstrations=4, random_sets=1), **changes},
    )
    test, validation = of_split("test", examples), of_split("validation", examples)
    tariffs: dict[Purpose, Any] = dict.fromkeys(("search", "gate", "teacher", "proposals"))
    ledger = Ledger(
        budget, search_calls=calls, gate_calls=2 * len(test), gate_tokens=0, width=width, tariffs=tariffs
    )
    privacy = PrivacyGate.from_settings(settings)
    pool = build_pool(of_split("train", examples), (*validation, *test), privacy).examples
    shown = {example.id for example in pool}
    scorer = MetricScorer("decision", get_metric("decision"))
    async with Journal(folder / "journal.jsonl", {"seed": spec.seed}) as journal:
        yield (
            SearchContext(
                spec=spec,
                incumbent=incumbent,
                baseline=BASELINE,
                start=BASELINE,
                pool=pool,
                train=tuple(e for e in of_split("train", examples) if e.id in shown),
                validation=tuple(stratified(validation, spec.seed, "validation")),
                room=room,
                goal="The answer must name the right action.",
                evaluator=Evaluator(model, scorer, journal, ledger, width=width),
                proposer=Proposer(reflection or ScriptedModel(lambda _: "", "reflection"), journal, ledger),
                guard=Guard(examples, max_tokens=spec.max_prompt_tokens or room, privacy=privacy),
                journal=journal,
                ledger=ledger,
                progress=Progress(recorder or Recorder()),
                best=BestSoFar(),
                teacher=None if teacher is None else Evaluator(teacher, scorer, journal, ledger, width=width),
            ),
            model,
        )
