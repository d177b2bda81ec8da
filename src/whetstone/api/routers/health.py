"""Health checks for supervisors; the only routes that need no token."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

import whetstone
from whetstone.api.models.base import errors
from whetstone.api.models.health import Health, Readiness
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.errors import UnavailableError

_DATABASE_SECONDS = 5
router = APIRouter(tags=["health"], responses=errors(403))


@router.get("/healthz", response_model=Health, summary="Whether the process answers")
async def healthz() -> JsonResponse:
    """Answers as long as the process lives."""
    return JsonResponse({"status": "ok", "version": whetstone.__version__})


@router.get(
    "/readyz", response_model=Readiness, responses=errors(503), summary="Whether the service can work"
)
async def readyz(services: ServicesDep) -> JsonResponse:
    """Checks that the database answers."""
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            await services.database.ping()
    except (SQLAlchemyError, OSError, TimeoutError):
        msg = "Database not available"
        raise UnavailableError(msg) from None
    return JsonResponse({"status": "ready"})
