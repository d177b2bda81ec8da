"""What the trajectory store takes on disk."""

from __future__ import annotations

from fastapi import APIRouter

from whetstone.api.models.base import COMMON_ERRORS
from whetstone.api.models.storage import StorageReport
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep

router = APIRouter(prefix="/api/trajectories", tags=["trajectories"], responses=COMMON_ERRORS)


@router.get("/storage", response_model=StorageReport, summary="What the store takes on disk")
async def get_storage(services: ServicesDep) -> JsonResponse:
    """Bytes of the database and its search index, row counts, and how far the index is behind."""
    return JsonResponse(await services.trajectories.storage())
