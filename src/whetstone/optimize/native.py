"""The native backend: optimizes the prompt of one task and lets the gate decide.

    dataset → task → baseline and incumbent → search on train and validation → gate on test → artifact

The same folder and spec resume an interrupted run (see `engine.journal`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

from whetstone import __version__, files
from whetstone.lm_settings import LM_ROLES, Role
from whetstone.optimize import outcome
from whetstone.optimize.engine.charged import Charged
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import JOURNAL_NAME, Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.gate import trial
from whetstone.optimize.gate.trial import Verdict
from whetstone.optimize.ground import Ground, Preparation
from whetstone.optimize.metrics.judge import JudgeScorer
from whetstone.optimize.metrics.scorer import Scorer
from whetstone.optimize.models import ROLES, ConfiguredModels, Models
from whetstone.optimize.optimizer import BestSoFar, Optimizer, SearchContext, SearchResult
from whetstone.optimize.plan import open_ledger
from whetstone.optimize.reporter import Progress, Reporter
from whetstone.optimize.rows.gold import STEP as TEACHER_STEP
from whetstone.optimize.rows.loading import Reading, read
from whetstone.optimize.scoring import goal_of, make_scorer, metric_of
from whetstone.optimize.setting import fitted
from whetstone.optimize.spec import BEST_SO_FAR, NativeSpec, resolve_optimizer
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

_OPTIMIZERS: Mapping[str, str] = {
    "bootstrap-fewshot": "whetstone.optimize.fewshot.search",
    "instruction-search": "whetstone.optimize.instructions.search",
    "prompt-evolution": "whetstone.optimize.evolution.search",
    "auto": "whetstone.optimize.auto",
}
"""Modules with a function `search`; imported when used, since some bring heavy libraries."""

NativeResult = dict[str, Any]
"""The job's result: see `outcome.result`."""


async def run(
    spec: NativeSpec, reporter: Reporter, settings: Settings | None = None, models: Models | None = None
) -> NativeResult:
    """Optimize, gate, and write the artifact; resumes what `spec.job_dir` holds of an earlier attempt.

    `models` stand in for those that the settings name. Raises `InvalidInputError` (what is asked for cannot be done;
    nothing was spent), `InvalidEvaluationError` (the model failed too often for any score), `ConflictError` (the
    folder is another run's) and what the LM client raises when its endpoint is not usable. A run that is cancelled or
    fails leaves a journal from which it goes on, and the best candidate so far in `BEST_SO_FAR`.
    """
    resolve_optimizer(spec.optimizer)
    settings = settings or Settings()
    spec = fitted(spec, settings)
    progress = Progress(reporter)
    progress.at("loading_data", 0.0, "reading the dataset")
    reading = await asyncio.to_thread(read, spec.dataset_dir, spec.task)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal(spec.job_dir / JOURNAL_NAME, await asyncio.to_thread(_header, spec, reading, settings))
        )
        if journal.resumed:
            progress.log(f"resuming after {journal.elapsed_seconds():.0f} s of earlier work")
        privacy = await asyncio.to_thread(PrivacyGate.from_settings, settings)
        if models is None:
            models = await stack.enter_async_context(ConfiguredModels(settings))
        return await _Job(spec, settings, reading, journal, progress, privacy, models).run()


def _header(spec: NativeSpec, reading: Reading, settings: Settings) -> dict[str, Any]:
    """What must be the same for a run to go on. Folders may move."""
    return {
        "engineVersion": __version__,
        "spec": spec.model_dump(mode="json", by_alias=True, exclude={"job_dir", "dataset_dir"}),
        "models": [
            [role, chosen.provider, chosen.base_url, chosen.model]
            for role in sorted(LM_ROLES)
            for chosen in [settings.lm_role(role)]
        ],
        "task": reading.task,
        "data": reading.report(),
    }


def _optimizer(name: str) -> Optimizer:
    optimizer: Optimizer = import_module(_OPTIMIZERS[resolve_optimizer(name)]).search
    return optimizer


class _Job:
    def __init__(
        self,
        spec: NativeSpec,
        settings: Settings,
        reading: Reading,
        journal: Journal,
        progress: Progress,
        privacy: PrivacyGate,
        models: Models,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._journal = journal
        self._progress = progress
        self._store = PromptStore(settings.optimized_prompts_dir)
        self._privacy = privacy
        self._models = models
        self._metric = metric_of(spec, reading.task)
        self._preparation = Preparation(spec, settings, reading, self._store, journal, privacy, models)

    async def run(self) -> NativeResult:
        finished = self._journal.recorded("result")
        if finished is not None:
            return dict(finished)
        ground = await self._preparation.run()
        self._introduce(ground)
        context = await self._context(ground)
        context.best.save = lambda: self._keep_best(ground, context)
        try:
            found = await _optimizer(self._spec.optimizer)(context)
            context.improved(found)
            verdict = await self._gate(context, ground, found)
        except BaseException:
            context.best.save()
            raise
        return await self._finish(self._evidence(ground, context, found, verdict), verdict)

    def _introduce(self, ground: Ground) -> None:
        rows, setting = ground.rows, ground.setting
        self._progress.at(
            "loading_data",
            1.0,
            f"{rows.task}: {rows.verified} verified rows of {rows.rows}; "
            f"{len(setting.pool.examples)} may be shown, {len(setting.validation)} choose, "
            f"{len(setting.test)} are held back for the gate",
        )
        for note in (*rows.notes, *setting.notes, ground.plan.foresight.sentence):
            self._progress.log(note)

    async def _context(self, ground: Ground) -> SearchContext:
        rows, start, setting, plan = ground
        ledger = open_ledger(plan, self._spec.budget, self._models)
        if self._journal.recorded(TEACHER_STEP) is not None:
            await self._preparation.teach(
                ledger
            )  # asks nothing again, but moves the cost to the job's account
        scorer = self._scorer(ledger)
        limit = self._spec.max_prompt_tokens or setting.room - setting.longest()
        guarded = (*rows.train, *rows.validation, *rows.test)
        known = (*start.baseline.texts().values(), *start.incumbent.texts().values())
        guard = await asyncio.to_thread(
            lambda: Guard(guarded, max_tokens=limit, privacy=self._privacy, known=known)
        )
        return SearchContext(
            spec=self._spec,
            incumbent=start.incumbent,
            baseline=start.baseline,
            start=start.baseline,
            pool=setting.pool.examples,
            train=setting.train,
            validation=setting.validation,
            room=setting.room,
            goal=goal_of(self._metric, self._spec),
            evaluator=self._evaluator("task", scorer, ledger),
            teacher=self._evaluator("teacher", scorer, ledger) if plan.teaches else None,
            proposer=Proposer(self._models.client("reflection"), self._journal, ledger),
            guard=guard,
            journal=self._journal,
            ledger=ledger,
            progress=self._progress,
            best=BestSoFar(),
        )

    def _evaluator(self, role: Role, scorer: Scorer, ledger: Ledger) -> Evaluator:
        client = self._models.client(role)
        return Evaluator(client, scorer, self._journal, ledger, width=self._models.width)

    def _scorer(self, ledger: Ledger) -> Scorer:
        def judge() -> Charged:
            return Charged(self._models.client("judge"), ledger, "judge")

        scorer = make_scorer(self._metric, self._spec, judge, self._models.client("task").model)
        if isinstance(scorer, JudgeScorer) and scorer.note:
            self._progress.log(scorer.note)
        return scorer

    async def _gate(self, context: SearchContext, ground: Ground, found: SearchResult) -> Verdict:
        self._progress.at(
            "validating", 0.0, f"gate: today's prompt against the best candidate ({found.origin})"
        )
        context.ledger.open_gate()
        verdict = await trial.hold(context, found, ground.setting.test, context.evaluator)
        self._progress.at("validating", 1.0, verdict.explanation, budgetUsed=context.ledger.used())
        return verdict

    def _evidence(
        self, ground: Ground, context: SearchContext, found: SearchResult, verdict: Verdict | None
    ) -> outcome.Evidence:
        roles = [ROLES[purpose] for purpose in context.ledger.tariffs]
        models: dict[str, str] = {role: self._models.client(role).model for role in roles}
        rows, start, setting, _ = ground
        return outcome.Evidence(rows, start, setting, context, found, verdict, self._metric, models)

    def _keep_best(self, ground: Ground, context: SearchContext) -> None:
        """Save what the search had found; a moment's work, so that a cancel is not held up."""
        found = context.best.result
        if found is not None:
            artifact = outcome.build_artifact(self._evidence(ground, context, found, None), None)
            files.write_atomic(self._spec.job_dir / BEST_SO_FAR, artifact.to_json())

    async def _finish(self, evidence: outcome.Evidence, verdict: Verdict) -> NativeResult:
        self._progress.at("finalizing", 0.0, "writing the artifact")

        async def write() -> NativeResult:
            artifact = await asyncio.to_thread(outcome.build_artifact, evidence, self._privacy)
            saved = await asyncio.to_thread(outcome.save, self._store, artifact, verdict.promote)
            return await asyncio.to_thread(outcome.result, evidence, verdict, artifact, saved)

        saving = asyncio.ensure_future(self._journal.step("result", "result", write))
        try:
            done: NativeResult = await asyncio.shield(saving)
        except asyncio.CancelledError:
            # The verdict is in: a prompt must not be promoted by a job that says it was cancelled.
            done = await saving
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        (self._spec.job_dir / BEST_SO_FAR).unlink(missing_ok=True)
        self._progress.at("finalizing", 1.0, done["explanation"])
        return done
