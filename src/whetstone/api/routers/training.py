"""The training panel's view: status, trajectories, backends (contract §6.1 to §6.3, §6.6)."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from whetstone.api.coercion import list_offset, positive_limit
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.training import (
    Backends,
    TrainingStatus,
    TrainingTrajectories,
    TrainingTrajectoryAnswer,
)
from whetstone.api.paths import ID, TRAJECTORY_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.errors import NotFoundError
from whetstone.finetune.backends import availability
from whetstone.jobs.states import JobStatus
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.documents import training_detail, training_row

router = APIRouter(prefix="/api/training", tags=["training"], responses=COMMON_ERRORS)


@router.get("/status", response_model=TrainingStatus, summary="Counts of everything")
async def get_status(services: ServicesDep) -> JsonResponse:
    """How many trajectories, datasets, jobs by state and models there are, and where auto-training stands."""
    jobs = await services.jobs.counts()
    auto_config = await asyncio.to_thread(services.auto_config.load)
    return JsonResponse(
        {
            "runtimeAvailable": True,
            "trajectoryCount": await services.trajectories.count(),
            "jobCount": sum(jobs.values()),
            "runningJobs": jobs[JobStatus.RUNNING],
            "queuedJobs": jobs[JobStatus.PENDING],
            "completedJobs": jobs[JobStatus.COMPLETED],
            "failedJobs": jobs[JobStatus.FAILED],
            "modelCount": await services.models.count(),
            "datasetCount": await services.datasets.count(),
            "autoTrain": auto_config.status(),
        }
    )


@router.get("/trajectories", response_model=TrainingTrajectories, summary="List trajectories for training")
async def list_trajectories(
    services: ServicesDep,
    limit: Annotated[str | None, Query(description="1 to 500; 100 if absent.", examples=["100"])] = None,
    offset: Annotated[str | None, Query(description="Rows to skip.", examples=["0"])] = None,
) -> JsonResponse:
    """One page, newest first, with rewards."""
    size, start = positive_limit(limit, default=100), list_offset(offset)
    records, total = await services.trajectories.list(TrajectoryFilter(), size, start)
    rows = [training_row(record) for record in records]
    return JsonResponse(
        {"available": True, "total": total, "offset": start, "limit": size, "trajectories": rows}
    )


@router.get(
    f"/trajectories/{ID}",
    response_model=TrainingTrajectoryAnswer,
    responses=errors(404),
    summary="Get a trajectory for training",
)
async def get_trajectory(services: ServicesDep, trajectory_id: Annotated[str, TRAJECTORY_ID]) -> JsonResponse:
    """The row with the steps as JSON text."""
    document = await services.trajectories.get(trajectory_id)
    if document is None:
        msg = "Trajectory not found"
        raise NotFoundError(msg)
    return JsonResponse({"trajectory": training_detail(document)})


@router.get("/backends", response_model=Backends, summary="Which training backends run here")
async def get_backends(services: ServicesDep) -> JsonResponse:
    """`native` optimizes prompts; the others train weights. `details` tells why one is not available, and its devices."""
    details = await asyncio.to_thread(availability, services.settings)
    return JsonResponse(
        {
            "backends": {name: each.available for name, each in details.items()},
            "details": {name: each.to_dict() for name, each in details.items()},
        }
    )
