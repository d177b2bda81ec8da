"""Reading and deleting trajectories (contract §3)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from whetstone.api.coercion import flag, list_limit, list_offset, moment
from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.trajectories import (
    Deleted,
    DeleteTrajectories,
    LoggingState,
    LoggingSwitch,
    TrajectoryDetail,
    TrajectoryList,
    TrajectoryStats,
)
from whetstone.api.paths import ID, TRAJECTORY_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.errors import InvalidInputError
from whetstone.trajectories.conditions import TrajectoryFilter

router = APIRouter(
    prefix="/api/trajectories", tags=["trajectories"], route_class=JsonRoute, responses=COMMON_ERRORS
)

Limit = Annotated[
    str | None, Query(description="1 to 500; 50 for anything that is not a number.", examples=["50"])
]
Offset = Annotated[str | None, Query(description="Matches to skip.", examples=["0"])]


def _filter(
    source: Annotated[
        str | None, Query(description="chat, autonomy, telegram, discord, api…", examples=["chat"])
    ] = None,
    status: Annotated[
        str | None, Query(description="active, completed, error or timeout.", examples=["completed"])
    ] = None,
    start_date: Annotated[
        str | None,
        Query(
            alias="startDate",
            description="Started at this time or later (ISO 8601).",
            examples=["2026-02-01T00:00:00Z"],
        ),
    ] = None,
    end_date: Annotated[
        str | None,
        Query(
            alias="endDate",
            description="Started at this time or earlier (ISO 8601).",
            examples=["2026-02-28T23:59:59Z"],
        ),
    ] = None,
    search: Annotated[
        str | None,
        Query(
            description="Text anywhere in the trajectory, prompts and answers included.", examples=["refund"]
        ),
    ] = None,
    scenario_id: Annotated[
        str | None,
        Query(alias="scenarioId", description="As recorded in the metadata.", examples=["scenario-1"]),
    ] = None,
    batch_id: Annotated[
        str | None, Query(alias="batchId", description="As recorded in the metadata.", examples=["batch-1"])
    ] = None,
    run_id: Annotated[
        str | None,
        Query(alias="runId", description="As recorded with the LLM calls or steps.", examples=["run-1"]),
    ] = None,
    trace_id: Annotated[
        str | None,
        Query(alias="traceId", description="As recorded with the LLM calls or steps.", examples=["trace-1"]),
    ] = None,
    is_training_data: Annotated[
        str | None,
        Query(alias="isTrainingData", description="`true`, or anything else for false.", examples=["true"]),
    ] = None,
) -> TrajectoryFilter:
    return TrajectoryFilter(
        source=source or None,
        status=status or None,
        start_date=moment(start_date),
        end_date=moment(end_date),
        search=search or None,
        scenario_id=scenario_id or None,
        batch_id=batch_id or None,
        run_id=run_id or None,
        trace_id=trace_id or None,
        is_training_data=flag(is_training_data),
    )


Filter = Annotated[TrajectoryFilter, Depends(_filter)]


@router.get("", response_model=TrajectoryList, summary="List and search trajectories")
async def list_trajectories(
    services: ServicesDep, wanted: Filter, limit: Limit = None, offset: Offset = None
) -> JsonResponse:
    """One page, newest first; `total` counts all matches."""
    size, start = list_limit(limit, default=50), list_offset(offset)
    records, total = await services.trajectories.list(wanted, size, start)
    return JsonResponse({"trajectories": records, "total": total, "offset": start, "limit": size})


@router.get("/stats", response_model=TrajectoryStats, summary="Totals over all trajectories")
async def get_stats(services: ServicesDep) -> JsonResponse:
    """Counts, tokens, mean duration and reward, and counts by source, model, status and scenario."""
    return JsonResponse(await services.trajectories.stats())


@router.get("/config", response_model=LoggingState, summary="Whether trajectories are stored")
async def get_config(services: ServicesDep) -> JsonResponse:
    """The switch as it works: an environment that forbids storing wins."""
    return JsonResponse({"enabled": await services.trajectories.logging_enabled()})


@router.put(
    "/config", response_model=LoggingState, responses=errors(413), summary="Store trajectories or not"
)
async def put_config(services: ServicesDep, body: LoggingSwitch) -> JsonResponse:
    """Keeps the switch over restarts and answers how it stands now."""
    if body.enabled is not None:
        await services.trajectories.set_logging(body.enabled)
    return JsonResponse({"enabled": await services.trajectories.logging_enabled()})


@router.delete("", response_model=Deleted, responses=errors(413), summary="Delete trajectories")
async def delete_trajectories(services: ServicesDep, body: DeleteTrajectories) -> JsonResponse:
    """Some by id, or all; answers how many there were."""
    everything = bool(body.clear_all or body.all)
    if everything and body.trajectory_ids:
        msg = "Send either 'trajectoryIds' or 'clearAll', not both"
        raise InvalidInputError(msg)
    if everything:
        return JsonResponse({"deleted": await services.trajectories.delete_all()})
    if body.trajectory_ids is None:
        msg = "Request must include 'trajectoryIds' (an array of ids), 'clearAll': true or 'all': true"
        raise InvalidInputError(msg)
    return JsonResponse({"deleted": await services.trajectories.delete(body.trajectory_ids)})


@router.get(f"/{ID}", response_model=TrajectoryDetail, responses=errors(404), summary="Get a trajectory")
async def get_trajectory(services: ServicesDep, trajectory_id: Annotated[str, TRAJECTORY_ID]) -> JsonResponse:
    """Everything that was recorded, flat and by step."""
    return JsonResponse(await services.trajectories.detail(trajectory_id))
