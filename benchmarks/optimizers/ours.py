"""Child process: one of Whetstone's optimizers (the argument) with its defaults (but room for as many examples as dspy has), on the real engine without a service.

The search gets what a job gives it (context, journal on disk, ledger, evaluator), with the scripted models in place of a
client; the gate is measured apart.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.optimizers.child import Engine, Found, Job, serve
from benchmarks.optimizers.our_clients import Clients, clients, plain
from benchmarks.optimizers.tasks import Messages, Models, Task

from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import JOURNAL_NAME, Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.gate import trial
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.metrics.types import Answer, Score
from whetstone.optimize.optimizer import BestSoFar, SearchContext, SearchResult
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified
from whetstone.optimize.spec import FewShotOptions, NativeSpec

_MODULES = {
    "auto": "whetstone.optimize.auto",
    "bootstrap-fewshot": "whetstone.optimize.fewshot.search",
    "instruction-search": "whetstone.optimize.instructions.search",
    "prompt-evolution": "whetstone.optimize.evolution.search",
}
_ROOM = 8192
_ANSWER_TOKENS = 64
_GOAL = "The reply must be exactly the right one; the feedback says what was wrong."


class Silent:
    """A reporter that keeps nothing."""

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        """Nothing."""

    def log(self, message: str, **extra: Any) -> None:
        """Nothing."""


def _example(task: Task, row: Any) -> Example:
    return Example(
        id=row.id,
        group=row.id,
        system=task.seed_prompt,
        messages=({"role": "user", "content": row.text},),
        expected=Answer(task.reply(row)),
        gold="correction",
        label=row.label,
        max_tokens=_ANSWER_TOKENS,
    )


def _scorer(task: Task) -> MetricScorer:
    def metric(_expected: Answer, given: Answer, *, example: Example) -> Score:
        judgement = task.judge(task.rows[example.id], given.text)
        return Score(judgement.score, judgement.feedback)

    return MetricScorer("scripted", metric)


def context(task: Task, asked: Clients, spec: NativeSpec, journal: Journal, job: Job) -> SearchContext:
    """What a search is given, with all of `task` but its test rows."""
    train, validation = ([_example(task, row) for row in rows] for rows in (task.train, task.validation))
    ledger = Ledger(
        spec.budget,
        search_calls=job.budget,
        gate_calls=2 * len(task.test),
        width=job.width,
        tariffs={"search": None, "proposals": None, "gate": None},
    )
    start = Candidate(task.seed_prompt)
    return SearchContext(
        spec=spec,
        incumbent=start,
        baseline=start,
        start=start,
        pool=tuple(train),
        train=tuple(train),
        validation=tuple(stratified(validation, spec.seed, "validation")),
        room=_ROOM,
        goal=_GOAL,
        evaluator=Evaluator(asked.task, _scorer(task), journal, ledger, width=job.width),
        proposer=Proposer(asked.reflection, journal, ledger),
        guard=Guard([*train, *validation], max_tokens=_ROOM // 2, privacy=None, known=[task.seed_prompt]),
        journal=journal,
        ledger=ledger,
        progress=Progress(Silent()),
        best=BestSoFar(),
    )


def spec_of(optimizer: str, job: Job, folder: Path) -> NativeSpec:
    """The job's specification."""
    return NativeSpec(
        job_id="benchmark",
        job_dir=folder,
        dataset_id="benchmark",
        dataset_dir=folder,
        optimizer=optimizer,
        seed=job.seed,
        few_shot=FewShotOptions(demonstrations=job.shown),
    )


async def _search(optimizer: str, task: Task, models: Models, job: Job, folder: Path) -> Found:
    spec = spec_of(optimizer, job, folder)
    search = import_module(_MODULES[optimizer]).search
    async with clients(models, job, folder) as asked, Journal(folder / JOURNAL_NAME, {}) as journal:
        started = time.perf_counter()
        around = context(task, asked, spec, journal, job)
        result: SearchResult = await search(around)
        seconds = time.perf_counter() - started
        counts = asked.counts() if asked.counts else None
        notes = _notes(result)
        if job.gate:
            around.ledger.open_gate()
            test = [_example(task, row) for row in task.test]
            notes["decision"] = (await trial.hold(around, result, test, around.evaluator)).decision
    return Found(
        _renderer(task, result.best.candidate),
        _renderer(task, Candidate(task.seed_prompt)),
        notes,
        counts,
        seconds,
    )


def _notes(result: SearchResult) -> dict[str, Any]:
    return {
        "validation": result.best.mean,
        "candidates": result.tried,
        "demonstrations": len(result.best.candidate.demonstrations),
        "finish": result.finish_reason,
        "origin": result.origin,
    }


def _renderer(task: Task, candidate: Candidate) -> Callable[[str], Messages]:
    rows = {row.text: row for row in task.rows.values()}

    return lambda text: plain(candidate.request(_example(task, rows[text])))


def engine(optimizer: str) -> Engine:
    """The optimizer as an engine of the benchmark."""
    import_module(_MODULES[optimizer])  # its libraries are not the search's time

    def search(task: Task, models: Models, job: Job) -> Found:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_search(optimizer, task, models, job, Path(folder)))

    return search


if __name__ == "__main__":
    serve(engine(sys.argv[1]))
