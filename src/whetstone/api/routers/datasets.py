"""Datasets (contract §6.4, §6.5)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.datasets import BuildDataset, DatasetAnswer, DatasetList
from whetstone.api.paths import DATASET_ID, ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.datasets.options import BuildOptions
from whetstone.errors import NotFoundError

router = APIRouter(
    prefix="/api/training/datasets", tags=["datasets"], route_class=JsonRoute, responses=COMMON_ERRORS
)


@router.get("", response_model=DatasetList, summary="List datasets")
async def list_datasets(services: ServicesDep) -> JsonResponse:
    """All datasets, newest first."""
    return JsonResponse({"datasets": await services.datasets.list()})


@router.post(
    "/build", status_code=201, response_model=DatasetAnswer, responses=errors(413), summary="Build a dataset"
)
async def build_dataset(services: ServicesDep, body: BuildDataset) -> JsonResponse:
    """Answers within a second; a large build goes on in the background and ends with `dataset_built`."""
    record = await services.datasets.start_build(BuildOptions.parse(body.sent()))
    return JsonResponse({"dataset": record}, status_code=201)


@router.get(f"/{ID}", response_model=DatasetAnswer, responses=errors(404), summary="Get a dataset")
async def get_dataset(services: ServicesDep, dataset_id: Annotated[str, DATASET_ID]) -> JsonResponse:
    """The record, with what was left out and what the privacy filter removed."""
    record = await services.datasets.get(dataset_id)
    if record is None:
        msg = "Dataset not found"
        raise NotFoundError(msg)
    return JsonResponse({"dataset": record})
