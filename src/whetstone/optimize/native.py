"""The native backend: optimizes the prompt of one task and lets the gate decide.

    dataset → task → baseline and incumbent → search on train and validation → gate on test → artifact

The same folder and spec resume an interrupted run (see `journal`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from whetstone import __version__
from whetstone.datasets.tasks import get_task
from whetstone.lm.budget import Budget
from whetstone.lm.client import LMClient
from whetstone.optimize import outcome
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.journal import JOURNAL_NAME, Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.fewshot import search as bootstrap_fewshot
from whetstone.optimize.gate import trial
from whetstone.optimize.gate.trial import Verdict
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.optimizer import Optimizer, SearchContext, SearchResult
from whetstone.optimize.reporter import Progress, Reporter
from whetstone.optimize.rows.loading import LoadedRows, load
from whetstone.optimize.setting import DEFAULT_ROOM, Setting, Start, arrange, choose_start
from whetstone.optimize.spec import NativeSpec, check_optimizer
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

_OPTIMIZERS: Mapping[str, Optimizer] = {"bootstrap-fewshot": bootstrap_fewshot.search}

NativeResult = dict[str, Any]
"""The job's result: see `outcome.result`."""


async def run(spec: NativeSpec, reporter: Reporter, settings: Settings | None = None) -> NativeResult:
    """Optimize, gate, and write the artifact; resumes what `spec.job_dir` holds of an earlier attempt.

    Raises `InvalidInputError` (what is asked for cannot be done; nothing was spent), `InvalidEvaluationError` (the
    model failed too often for any score), `ConflictError` (the folder is another run's) and what the LM client
    raises when its endpoint is not usable. Cancelling the task leaves a journal from which the run goes on.
    """
    check_optimizer(spec.optimizer)
    settings = settings or Settings()
    progress = Progress(reporter)
    progress.at("loading_data", 0.0, "reading the dataset")
    rows = await asyncio.to_thread(load, spec.dataset_dir, spec.task, spec.seed)
    async with Journal(spec.job_dir / JOURNAL_NAME, _header(spec, rows, settings)) as journal:
        if journal.resumed:
            progress.log(f"resuming after {journal.elapsed_seconds():.0f} s of earlier work")
        privacy = await asyncio.to_thread(PrivacyGate.from_settings, settings)
        return await _Job(spec, settings, rows, journal, progress, privacy).run()


def _header(spec: NativeSpec, rows: LoadedRows, settings: Settings) -> dict[str, Any]:
    """What must be the same for a run to go on. Folders may move."""
    return {
        "engineVersion": __version__,
        "spec": spec.model_dump(mode="json", by_alias=True, exclude={"job_dir", "dataset_dir"}),
        "model": [settings.lm_provider, settings.lm_model, str(settings.local_lm_path or "")],
        "task": rows.task,
        "data": rows.report(),
    }


class _Job:
    def __init__(
        self,
        spec: NativeSpec,
        settings: Settings,
        rows: LoadedRows,
        journal: Journal,
        progress: Progress,
        privacy: PrivacyGate,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._rows = rows
        self._journal = journal
        self._progress = progress
        self._store = PromptStore(settings.optimized_prompts_dir)
        self._privacy = privacy
        self._metric = spec.metric or get_task(rows.task).metric

    async def run(self) -> NativeResult:
        finished = self._journal.recorded("result")
        if finished is not None:
            return dict(finished)
        start = await self._start()
        setting = await asyncio.to_thread(arrange, self._spec, self._rows, start, self._room(), self._privacy)
        self._introduce(setting)
        ledger = self._ledger(setting)
        found, context, model = await self._search(start, setting, ledger)
        verdict = await self._gate(context, setting, found)
        evidence = outcome.Evidence(self._rows, start, setting, context, found, verdict, self._metric, model)
        return await self._finish(evidence)

    async def _start(self) -> Start:
        """Today's prompt, as it was when the job began: the job's own promotion must not become its rival."""
        current = await asyncio.to_thread(self._store.current, self._rows.task)

        async def choose() -> dict[str, Any]:
            return choose_start(self._spec, self._rows, current).to_dict()

        return Start.from_dict(await self._journal.step("start", "start", choose))

    def _ledger(self, setting: Setting) -> Ledger:
        width = self._settings.lm_width
        longest = max(example.max_tokens for example in (*setting.validation, *setting.test))
        return Ledger(
            self._spec.budget, gate_calls=2 * len(setting.test), width=width, tokens_in_flight=width * longest
        )

    def _room(self) -> int:
        wanted = self._spec.few_shot.max_request_tokens
        known = self._settings.local_lm_context if self._settings.lm_provider == "local" else DEFAULT_ROOM
        return known if wanted is None else wanted

    def _introduce(self, setting: Setting) -> None:
        self._progress.at(
            "loading_data",
            1.0,
            f"{self._rows.task}: {self._rows.verified} verified rows of {self._rows.rows}; "
            f"{len(setting.pool.examples)} may be shown, {len(setting.validation)} choose, "
            f"{len(setting.test)} are held back for the gate",
        )
        for note in (*self._rows.notes, *setting.notes):
            self._progress.log(note)

    async def _search(
        self, start: Start, setting: Setting, ledger: Ledger
    ) -> tuple[SearchResult, SearchContext, str]:
        limits = self._spec.budget
        calls = None if limits.max_calls is None else max(0, limits.max_calls - ledger.gate_calls)
        budget = Budget(calls, limits.max_tokens, spent=self._paid())
        async with LMClient.from_settings(self._settings, budget=budget) as client:
            context = SearchContext(
                spec=self._spec,
                incumbent=start.incumbent,
                baseline=start.baseline,
                pool=setting.pool.examples,
                validation=setting.validation,
                room=self._room(),
                evaluator=self._evaluator(client, ledger),
                journal=self._journal,
                ledger=ledger,
                progress=self._progress,
            )
            return await _OPTIMIZERS[self._spec.optimizer](context), context, client.model

    async def _gate(self, context: SearchContext, setting: Setting, found: SearchResult) -> Verdict:
        self._progress.at(
            "validating", 0.0, f"gate: today's prompt against the best candidate ({found.origin})"
        )
        limits = self._spec.budget
        budget = Budget(limits.max_calls, limits.max_tokens, spent=self._paid())
        async with LMClient.from_settings(self._settings, budget=budget) as client:
            verdict = await trial.hold(context, found, setting.test, self._evaluator(client, context.ledger))
        self._progress.at("validating", 1.0, verdict.explanation)
        return verdict

    async def _finish(self, evidence: outcome.Evidence) -> NativeResult:
        self._progress.at("finalizing", 0.0, "writing the artifact")

        async def write() -> NativeResult:
            artifact = await asyncio.to_thread(outcome.build_artifact, evidence, self._privacy)
            saved = await asyncio.to_thread(outcome.save, self._store, artifact, evidence.verdict.decision)
            return outcome.result(evidence, saved)

        done: NativeResult = await self._journal.step("result", "result", write)
        self._progress.at("finalizing", 1.0, done["explanation"])
        return done

    def _evaluator(self, client: LMClient, ledger: Ledger) -> Evaluator:
        return Evaluator(
            client, get_metric(self._metric), self._journal, ledger, width=self._settings.lm_width
        )

    def _paid(self) -> dict[str, float]:
        """Calls and tokens that the journal knows to have been paid for, in this attempt and earlier ones."""
        rows = [
            row
            for step in self._journal.of_kind("evaluation")
            for found in step["rows"].values()
            for row in found
            if row["score"] is not None and not row["cached"]
        ]
        tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)
        return {"calls": len(rows), "tokens": tokens}
