"""Reading and deleting trajectories (contract §3)."""

from __future__ import annotations

from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Query

from whetstone.api.coercion import moment
from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.deletion import Deleted, DeleteTrajectories
from whetstone.api.models.trajectories import (
    LoggingState,
    LoggingSwitch,
    TrajectoryDetail,
    TrajectoryList,
    TrajectoryStats,
)
from whetstone.api.paths import ID, TRAJECTORY_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.api.trajectory_query import FilterQuery, PageQuery
from whetstone.errors import InvalidInputError
from whetstone.trajectories.reading.stats import Bucket

router = APIRouter(
    prefix="/api/trajectories", tags=["trajectories"], route_class=JsonRoute, responses=COMMON_ERRORS
)


@router.get("", response_model=TrajectoryList, summary="List and search trajectories")
async def list_trajectories(services: ServicesDep, wanted: FilterQuery, request: PageQuery) -> JsonResponse:
    """One page, newest first unless `sort` says otherwise; `total` counts all matches.

    `nextCursor` continues behind the last row, whatever is stored meanwhile; it is null on the last page.
    """
    page = await services.trajectories.page(wanted, request)
    answer: dict[str, Any] = {
        "trajectories": page.records,
        "total": page.total,
        "offset": request.offset,
        "limit": request.limit,
        "nextCursor": page.next_cursor,
    }
    if page.search is not None:
        answer["search"] = {"pending": page.search.pending, "oldestPendingMs": page.search.oldest_ms}
    return JsonResponse(answer)


@router.get("/stats", response_model=TrajectoryStats, summary="Totals over all trajectories")
async def get_stats(
    services: ServicesDep,
    bucket: Annotated[
        str | None, Query(description="`hour` or `day` (UTC): adds `buckets`.", examples=["day"])
    ] = None,
    start_date: Annotated[
        str | None,
        Query(
            alias="startDate",
            description="First hour of the buckets (ISO 8601).",
            examples=["2026-02-01T00:00:00Z"],
        ),
    ] = None,
    end_date: Annotated[
        str | None,
        Query(
            alias="endDate",
            description="Last hour of the buckets (ISO 8601).",
            examples=["2026-02-28T23:59:59Z"],
        ),
    ] = None,
) -> JsonResponse:
    """Counts, tokens, mean duration and reward, and counts by source, model, status and scenario."""
    if bucket not in {None, "", *get_args(Bucket)}:
        msg = "'bucket' must be 'hour' or 'day'"
        raise InvalidInputError(msg)
    width = cast("Bucket | None", bucket or None)
    found = await services.trajectories.stats(width, moment(start_date), moment(end_date))
    return JsonResponse(found)


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
    """Some by id, those that a filter means, or all; answers how many there were, when they are gone."""
    store, answer = services.trajectories, {}
    if body.filter is not None:
        answer["deleted"] = await store.delete_matching(body.filter.to_filter())
    elif body.trajectory_ids is not None and not body.everything:
        answer["deleted"] = await store.delete(body.trajectory_ids)
        answer["notFound"] = len(set(body.trajectory_ids)) - answer["deleted"]
    else:
        answer["deleted"] = await store.delete_all()
    return JsonResponse(answer | {"remaining": await store.count()})


@router.get(f"/{ID}", response_model=TrajectoryDetail, responses=errors(404), summary="Get a trajectory")
async def get_trajectory(services: ServicesDep, trajectory_id: Annotated[str, TRAJECTORY_ID]) -> JsonResponse:
    """Everything that was recorded, flat and by step."""
    return JsonResponse(await services.trajectories.detail(trajectory_id))
