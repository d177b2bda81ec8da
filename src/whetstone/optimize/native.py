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
from whetstone.lm_settings import Role
from whetstone.optimize import outcome
from whetstone.optimize.engine.charged import Charged
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import JOURNAL_NAME, Journal
from whetstone.optimize.engine.ledger import Ledger, Purpose, Tariff
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.gate import trial
from whetstone.optimize.gate.trial import Verdict
from whetstone.optimize.metrics.scorer import Scorer
from whetstone.optimize.models import ROLES, ConfiguredModels, Models
from whetstone.optimize.optimizer import BestSoFar, Optimizer, SearchContext, SearchResult
from whetstone.optimize.plan import Plan, make_plan
from whetstone.optimize.reporter import Progress, Reporter
from whetstone.optimize.rows.loading import LoadedRows, load
from whetstone.optimize.scoring import goal_of, make_scorer, metric_of
from whetstone.optimize.setting import Setting, Start, arrange, choose_start, room_of
from whetstone.optimize.spec import NativeSpec, resolve_optimizer
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

BEST_SO_FAR = "best-so-far.json"
"""File in a job's folder that a job leaves which ends before its gate: an artifact that nobody has tested."""

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
    progress = Progress(reporter)
    progress.at("loading_data", 0.0, "reading the dataset")
    rows = await asyncio.to_thread(load, spec.dataset_dir, spec.task, spec.seed)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal(spec.job_dir / JOURNAL_NAME, _header(spec, rows, settings))
        )
        if journal.resumed:
            progress.log(f"resuming after {journal.elapsed_seconds():.0f} s of earlier work")
        privacy = await asyncio.to_thread(PrivacyGate.from_settings, settings)
        if models is None:
            models = await stack.enter_async_context(ConfiguredModels(settings))
        return await _Job(spec, settings, rows, journal, progress, privacy, models).run()


def _header(spec: NativeSpec, rows: LoadedRows, settings: Settings) -> dict[str, Any]:
    """What must be the same for a run to go on. Folders may move."""
    return {
        "engineVersion": __version__,
        "spec": spec.model_dump(mode="json", by_alias=True, exclude={"job_dir", "dataset_dir"}),
        "models": [
            [role, chosen.provider, chosen.base_url, chosen.model]
            for role in sorted(set(ROLES.values()))
            for chosen in [settings.lm_role(role)]
        ],
        "task": rows.task,
        "data": rows.report(),
    }


def _optimizer(name: str) -> Optimizer:
    optimizer: Optimizer = import_module(_OPTIMIZERS[resolve_optimizer(name)]).search
    return optimizer


class _Job:
    def __init__(
        self,
        spec: NativeSpec,
        settings: Settings,
        rows: LoadedRows,
        journal: Journal,
        progress: Progress,
        privacy: PrivacyGate,
        models: Models,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._rows = rows
        self._journal = journal
        self._progress = progress
        self._store = PromptStore(settings.optimized_prompts_dir)
        self._privacy = privacy
        self._models = models
        self._metric = metric_of(spec, rows.task)

    async def run(self) -> NativeResult:
        finished = self._journal.recorded("result")
        if finished is not None:
            return dict(finished)
        start = await self._start()
        room = room_of(self._spec, self._settings)
        setting = await asyncio.to_thread(arrange, self._spec, self._rows, start, room, self._privacy)
        plan = make_plan(self._spec, start, setting)
        self._introduce(setting, plan)
        context = await self._context(start, setting, plan)
        try:
            found = await _optimizer(self._spec.optimizer)(context)
            context.improved(found)
            verdict = await self._gate(context, setting, found)
        except BaseException:
            self._keep_best(start, setting, context)
            raise
        return await self._finish(self._evidence(start, setting, context, found, verdict), verdict)

    async def _start(self) -> Start:
        """Today's prompt, as it was when the job began: the job's own promotion must not become its rival."""
        current = await asyncio.to_thread(self._store.current, self._rows.task)

        async def choose() -> dict[str, Any]:
            return choose_start(self._spec, self._rows, current).to_dict()

        return Start.from_dict(await self._journal.step("start", "start", choose))

    def _introduce(self, setting: Setting, plan: Plan) -> None:
        self._progress.at(
            "loading_data",
            1.0,
            f"{self._rows.task}: {self._rows.verified} verified rows of {self._rows.rows}; "
            f"{len(setting.pool.examples)} may be shown, {len(setting.validation)} choose, "
            f"{len(setting.test)} are held back for the gate",
        )
        for note in (*self._rows.notes, *setting.notes, plan.foresight.sentence):
            self._progress.log(note)

    async def _context(self, start: Start, setting: Setting, plan: Plan) -> SearchContext:
        ledger = self._ledger(plan)
        scorer = self._scorer(ledger)
        limit = self._spec.max_prompt_tokens or setting.room - setting.longest()
        guarded = (*self._rows.train, *self._rows.validation, *self._rows.test)
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

    def _ledger(self, plan: Plan) -> Ledger:
        purposes = plan.purposes(self._metric)
        tariffs: dict[Purpose, Tariff | None] = {
            purpose: self._models.tariff(ROLES[purpose]) for purpose in purposes
        }
        return Ledger(
            self._spec.budget,
            search_calls=plan.search_calls,
            gate_calls=plan.gate_calls,
            gate_tokens=plan.gate_tokens,
            largest_call=plan.largest_call,
            width=self._models.width,
            tariffs=tariffs,
        )

    def _scorer(self, ledger: Ledger) -> Scorer:
        return make_scorer(
            self._metric, self._spec, lambda: Charged(self._models.client("judge"), ledger, "judge")
        )

    async def _gate(self, context: SearchContext, setting: Setting, found: SearchResult) -> Verdict:
        self._progress.at(
            "validating", 0.0, f"gate: today's prompt against the best candidate ({found.origin})"
        )
        context.ledger.open_gate()
        verdict = await trial.hold(context, found, setting.test, context.evaluator)
        self._progress.at("validating", 1.0, verdict.explanation)
        return verdict

    def _evidence(
        self,
        start: Start,
        setting: Setting,
        context: SearchContext,
        found: SearchResult,
        verdict: Verdict | None,
    ) -> outcome.Evidence:
        roles = [ROLES[purpose] for purpose in context.ledger.purposes]
        models = {role: self._models.client(role).model for role in roles}
        return outcome.Evidence(self._rows, start, setting, context, found, verdict, self._metric, models)

    def _keep_best(self, start: Start, setting: Setting, context: SearchContext) -> None:
        """Save what the search had found; a moment's work, so that a cancel is not held up."""
        found = context.best.result
        if found is not None:
            artifact = outcome.build_artifact(self._evidence(start, setting, context, found, None), None)
            files.write_atomic(self._spec.job_dir / BEST_SO_FAR, artifact.to_json())

    async def _finish(self, evidence: outcome.Evidence, verdict: Verdict) -> NativeResult:
        self._progress.at("finalizing", 0.0, "writing the artifact")

        async def write() -> NativeResult:
            artifact = await asyncio.to_thread(outcome.build_artifact, evidence, self._privacy)
            saved = await asyncio.to_thread(outcome.save, self._store, artifact, verdict.promote)
            return outcome.result(evidence, verdict, saved)

        done: NativeResult = await self._journal.step("result", "result", write)
        (self._spec.job_dir / BEST_SO_FAR).unlink(missing_ok=True)
        self._progress.at("finalizing", 1.0, done["explanation"])
        return done
