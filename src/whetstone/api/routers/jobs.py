"""Training jobs (contract §6.7 to §6.10)."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Query, Request

from whetstone.api.coercion import js_number
from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.create_job import CreateJob
from whetstone.api.models.jobs import DryRun, JobAnswer, JobList, JobMetrics
from whetstone.api.paths import ID, JOB_ID
from whetstone.api.patience import unless_gone
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.jobs.options import JobOptions
from whetstone.jobs.states import JobStatus, parse_status

router = APIRouter(prefix="/api/training/jobs", tags=["jobs"], route_class=JsonRoute, responses=COMMON_ERRORS)

_LARGEST_STEP = 2**53
JobId = Annotated[str, JOB_ID]
StatusFilter = Annotated[
    str | None,
    Query(
        description="Only jobs in this status; `queued` means `pending`.",
        json_schema_extra={"enum": [*JobStatus, "queued"]},
    ),
]


@router.get("", response_model=JobList, summary="List jobs")
async def list_jobs(services: ServicesDep, status: StatusFilter = None) -> JsonResponse:
    """All jobs, newest first."""
    return JsonResponse({"jobs": await services.jobs.list(parse_status(status) if status else None)})


@router.post(
    "",
    status_code=201,
    response_model=JobAnswer,
    responses={
        200: {"model": DryRun, "description": "What the job would cost (`dryRun`); none was started."},
        **errors(404, 409, 413, 501),
    },
    summary="Start a job, or say what it would cost",
)
async def create_job(services: ServicesDep, request: Request, body: CreateJob) -> JsonResponse:
    """Answers at once; the work runs in the background, after jobs that came earlier. With `dryRun` nothing is started
    and no model called: the answer says what the job would cost, and what its test rows could show.
    """
    options = JobOptions.parse(body.sent())
    if options.dry_run:
        estimate = await unless_gone(request, services.jobs.estimate(options))
        return JsonResponse({"dryRun": True, "estimate": estimate})
    return JsonResponse({"job": await services.jobs.create(options)}, status_code=201)


@router.post(f"/{ID}/cancel", response_model=JobAnswer, responses=errors(404, 409), summary="Cancel a job")
async def cancel_job(services: ServicesDep, job_id: JobId) -> JsonResponse:
    """Ends the job and all its processes; a finished job is returned unchanged."""
    return JsonResponse({"job": await services.jobs.cancel(job_id)})


@router.get(
    f"/{ID}/metrics", response_model=JobMetrics, responses=errors(404), summary="Get a job's loss curve"
)
async def get_metrics(
    services: ServicesDep,
    job_id: JobId,
    after: Annotated[
        str | None, Query(description="Only later steps than this one.", examples=["120"])
    ] = None,
) -> JsonResponse:
    """The figures of each step of a job that trains weights, at most about 2,000 of them, evenly chosen; an empty list
    for other jobs.
    """
    step = js_number(after)
    later_than = None if math.isnan(step) else math.floor(min(max(step, -1), _LARGEST_STEP))
    return JsonResponse({"metrics": await services.jobs.metrics(job_id, later_than)})


@router.get(f"/{ID}", response_model=JobAnswer, responses=errors(404), summary="Get a job")
async def get_job(services: ServicesDep, job_id: JobId) -> JsonResponse:
    """The record with its newest log lines."""
    return JsonResponse({"job": await services.jobs.get(job_id)})
