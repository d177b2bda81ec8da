"""Trained models. Nothing trains weights yet: the list is empty and the actions say so."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, Error, errors
from whetstone.api.models.models import ActivateModel, ImportModel, ModelList
from whetstone.api.models.training import CloudModels
from whetstone.api.paths import ID, MODEL_ID
from whetstone.api.responses import JsonResponse
from whetstone.errors import NotAvailableError

router = APIRouter(tags=["models"], route_class=JsonRoute, responses=COMMON_ERRORS)

ModelId = Annotated[str, MODEL_ID]
_REFUSALS = errors(413)


@router.get("/api/training/models", response_model=ModelList, summary="List trained models")
async def list_models() -> JsonResponse:
    """Empty: this version optimizes prompts and trains no weights."""
    return JsonResponse({"models": []})


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


@router.get("/api/training/vast/models", response_model=CloudModels, summary="List cloud models")
async def cloud_models() -> JsonResponse:
    """Empty: this service trains on its own machine."""
    return JsonResponse({"loaded_at": None, "entries": []})


def _not_available(action: str) -> NotAvailableError:
    return NotAvailableError(
        f"{action} is not part of this version of Whetstone: it optimizes prompts and trains no weights yet"
    )
