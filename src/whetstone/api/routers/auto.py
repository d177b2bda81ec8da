"""Auto-training: its configuration, and honestly that no service starts runs by itself yet (contract §7)."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.auto import AutoConfigAnswer, AutoConfigUpdate, AutoStatus, RunList, TriggerRun
from whetstone.api.models.base import COMMON_ERRORS, Error, errors
from whetstone.api.paths import ID, RUN_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.autotrain.config import KNOWN_BACKENDS, AutoTrainConfig
from whetstone.datasets.tasks import get_task
from whetstone.errors import InvalidInputError, NotAvailableError, NotFoundError

router = APIRouter(
    prefix="/api/training/auto", tags=["auto-training"], route_class=JsonRoute, responses=COMMON_ERRORS
)


@router.get("/config", response_model=AutoConfigAnswer, summary="Get the auto-training configuration")
async def get_config(services: ServicesDep) -> JsonResponse:
    """The configuration, in both dialects."""
    return _config_answer(await asyncio.to_thread(services.auto_config.load))


@router.put(
    "/config",
    response_model=AutoConfigAnswer,
    responses=errors(413),
    summary="Change the auto-training configuration",
)
@router.post(
    "/config",
    name="update_config_by_post",
    response_model=AutoConfigAnswer,
    responses=errors(413),
    summary="Change the auto-training configuration (same as PUT)",
)
async def update_config(services: ServicesDep, body: AutoConfigUpdate) -> JsonResponse:
    """Merges the keys that are present and keeps the result over restarts."""
    return _config_answer(await asyncio.to_thread(services.auto_config.update, body.sent()))


@router.get("/status", response_model=AutoStatus, summary="Where auto-training stands")
async def get_status(services: ServicesDep) -> JsonResponse:
    """Thresholds per task; `serviceRegistered` is false: no run starts by itself in this version."""
    return JsonResponse((await asyncio.to_thread(services.auto_config.load)).status())


@router.get("/runs", response_model=RunList, summary="List auto-training runs")
async def list_runs() -> JsonResponse:
    """Empty as long as no run starts by itself."""
    return JsonResponse({"runs": []})


@router.get(f"/runs/{ID}", status_code=404, response_model=Error, summary="Get an auto-training run")
async def get_run(_id: Annotated[str, RUN_ID]) -> JsonResponse:
    """There are no runs yet: answers 404."""
    msg = "Run not found"
    raise NotFoundError(msg)


@router.post(
    "/trigger", status_code=501, response_model=Error, responses=errors(413), summary="Train a task now"
)
async def trigger(body: TriggerRun) -> JsonResponse:
    """Not part of this version: answers 501. `POST /api/training/jobs` starts the same work."""
    sent = body.sent()
    task, backend = sent.get("task"), sent.get("backend")
    if task is not None:
        if not isinstance(task, str):
            msg = "task must be a string"
            raise InvalidInputError(msg)
        get_task(task)
    if backend is not None and backend not in KNOWN_BACKENDS:
        msg = f"backend must be one of: {', '.join(KNOWN_BACKENDS)}"
        raise InvalidInputError(msg)
    msg = (
        "Auto-training runs are not part of this version of Whetstone; start a job at POST /api/training/jobs"
    )
    raise NotAvailableError(msg)


def _config_answer(config: AutoTrainConfig) -> JsonResponse:
    return JsonResponse(
        {
            "config": config.to_dict(),
            "threshold": config.trigger_threshold,
            "cooldownHours": config.trigger_cooldown_hours,
        }
    )
