"""The dry run: what a job would cost and could show, without a single call."""

from __future__ import annotations

import asyncio
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.optimize.models import ROLES, ConfiguredModels
from whetstone.optimize.plan import make_plan, open_ledger
from whetstone.optimize.rows.loading import load
from whetstone.optimize.scoring import make_scorer, metric_of
from whetstone.optimize.setting import arrange, choose_start, fitted, room_of
from whetstone.optimize.spec import NativeSpec
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

_TEACHER = "With teacherGold the job first asks the teacher for right answers to the other rows, which a dry run does not do"


async def estimate(spec: NativeSpec, settings: Settings) -> dict[str, Any]:
    """Rows, calls, tokens, US dollars and the gate's power of the job that `spec` describes; see `Plan.estimate`.

    Raises `InvalidInputError` and `NotFoundError` as the job itself would before its first call.
    """
    spec = fitted(spec, settings)
    async with ConfiguredModels(settings) as models:
        return await asyncio.to_thread(_estimate, spec, settings, models)


def _estimate(spec: NativeSpec, settings: Settings, models: ConfiguredModels) -> dict[str, Any]:
    try:
        rows = load(spec.dataset_dir, spec.task, spec.seed)
    except InvalidInputError as error:
        if not spec.teacher_gold:
            raise
        raise InvalidInputError(f"{error.message}. {_TEACHER}") from None
    start = choose_start(spec, rows, PromptStore(settings.optimized_prompts_dir).current(rows.task))
    setting = arrange(spec, rows, start, room_of(spec, settings), None)
    metric = metric_of(spec, rows.task)
    plan = make_plan(spec, start, setting, metric)
    # Refuses the metric, the rubric and the limits that the job itself would refuse.
    make_scorer(metric, spec, lambda: models.client("judge"), models.client("task").model)
    tariffs = open_ledger(plan, spec.budget, models).tariffs

    return {
        "task": rows.task,
        "metric": metric,
        "models": {ROLES[purpose]: models.client(ROLES[purpose]).model for purpose in tariffs},
        "rows": {
            "all": rows.rows,
            "verified": rows.verified,
            "train": len(setting.train),
            "validation": len(setting.validation),
            "test": len(setting.test),
        },
        **plan.estimate(tariffs),
        "limits": spec.budget.model_dump(by_alias=True),
        "notes": [*rows.notes, *setting.notes],
    }
