"""Trained models (contract §6.11); what is to come of them says that it is not there yet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, Error, errors
from whetstone.api.models.models import ActivateModel, ImportModel, ModelAnswer, ModelList
from whetstone.api.models.training import CloudModels
from whetstone.api.paths import ID, MODEL_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.errors import NotAvailableError

router = APIRouter(tags=["models"], route_class=JsonRoute, responses=COMMON_ERRORS)

ModelId = Annotated[str, MODEL_ID]
_REFUSALS = errors(413)


@router.get("/api/training/models", response_model=ModelList, summary="List trained models")
async def list_models(services: ServicesDep) -> JsonResponse:
    """All models, newest first, those whose files are gone included."""
    return JsonResponse({"models": await services.models.list()})


@router.post(
    f"/api/training/models/{ID}/import-ollama",
    status_code=501,
    response_model=Error,
    responses=_REFUSALS,
    summary="Import into Ollama",
)
async def import_model(_id: ModelId, _body: ImportModel) -> JsonResponse:
    """Not part of this version: answers 501."""
    raise _not_available("Importing models into Ollama")


@router.post(
    f"/api/training/models/{ID}/activate",
    status_code=501,
    response_model=Error,
    responses=_REFUSALS,
    summary="Activate a model",
)
async def activate_model(_id: ModelId, _body: ActivateModel) -> JsonResponse:
    """Not part of this version: answers 501."""
    raise _not_available("Activating models")


@router.post(
    f"/api/training/models/{ID}/benchmark",
    status_code=501,
    response_model=Error,
    summary="Benchmark a model",
)
async def benchmark_model(_id: ModelId) -> JsonResponse:
    """Not part of this version: answers 501."""
    raise _not_available("Benchmarking models")


# After the routes that have something behind the id.
@router.get(
    f"/api/training/models/{ID}", response_model=ModelAnswer, responses=errors(404), summary="Get a model"
)
async def get_model(services: ServicesDep, model_id: ModelId) -> JsonResponse:
    """One model with what its job found about it."""
    return JsonResponse({"model": await services.models.get(model_id)})


@router.get("/api/training/vast/models", response_model=CloudModels, summary="List cloud models")
async def cloud_models() -> JsonResponse:
    """Empty: this service trains on its own machine."""
    return JsonResponse({"loaded_at": None, "entries": []})


def _not_available(action: str) -> NotAvailableError:
    return NotAvailableError(
        f"{action} is not part of this version of Whetstone; the model's files are in its outputDir"
    )
