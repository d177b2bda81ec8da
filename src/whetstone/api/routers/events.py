"""Events: as a stream, as a WebSocket, and as a list (contract §2)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, WebSocket

from whetstone.api.edge.urls import SOCKET_PATH
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.events import STREAM_EXAMPLE, EventList
from whetstone.api.paths import ID, JOB_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep, services_of
from whetstone.api.sse import event_stream, job_stream, last_event_id
from whetstone.api.ws import REPLAY, EventSocket
from whetstone.jobs.event import parse_event_id
from whetstone.jobs.events import RING_CAPACITY

router = APIRouter(tags=["events"], responses=COMMON_ERRORS)

LastEventId = Annotated[
    str | None,
    Query(
        alias="lastEventId",
        description="Resume after this event; the header Last-Event-ID does the same.",
        examples=["evt-42"],
    ),
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of server-sent events: `id`, `event: training_event`, `data` (the envelope).",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
    }
}


@router.get(
    "/api/training/events", response_class=Response, responses=_STREAM, summary="Follow all events (SSE)"
)
async def follow_events(request: Request, services: ServicesDep, after: LastEventId = None) -> Response:
    """Events from now on, or from after Last-Event-ID; comments keep the connection alive."""
    return await event_stream(services, last_event_id(request, after))


@router.get(
    f"/api/training/jobs/{ID}/events",
    response_class=Response,
    responses={**_STREAM, **errors(404)},
    summary="Follow one job (SSE)",
)
async def follow_job(
    request: Request,
    services: ServicesDep,
    job_id: Annotated[str, JOB_ID],
    after: LastEventId = None,
) -> Response:
    """The job's events from its first on, or from after Last-Event-ID; the stream ends with the job."""
    job = await services.jobs.get(job_id)
    return job_stream(services, job, last_event_id(request, after))


@router.get("/api/agent/events", response_model=EventList, summary="List the newest events")
async def list_events(services: ServicesDep, after: LastEventId = None) -> JsonResponse:
    """The newest events, oldest first; those after `lastEventId` where it is given."""
    buffered = await services.events.recent(RING_CAPACITY)
    since = parse_event_id(after)
    events = buffered[-REPLAY:] if since is None else [event for event in buffered if event.sequence > since]
    return JsonResponse(
        {
            "events": [event.envelope() for event in events],
            "latestEventId": buffered[-1].event_id if buffered else None,
            "totalBuffered": len(buffered),
            "replayed": True,
        }
    )


@router.websocket(SOCKET_PATH)
async def events_socket(socket: WebSocket) -> None:
    """The same events for Eliza's dashboard."""
    await EventSocket(socket, services_of(socket)).serve()
