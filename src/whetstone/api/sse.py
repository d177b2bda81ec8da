"""Server-sent events: the event log as `text/event-stream` (contract §2.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from whetstone.api.services import Services
from whetstone.api.streams import until_closing
from whetstone.jobs.event import FINAL_KINDS, Event, parse_event_id
from whetstone.jobs.states import FINISHED

EVENT_NAME = "training_event"
_HEARTBEAT_SECONDS = 15
# A client that takes no bytes for so long is gone; it can resume with Last-Event-ID.
_SEND_TIMEOUT_SECONDS = 30
# After the server has said that it stops, streams get so long to end by themselves.
_GRACE_SECONDS = 2
_RETRY_MS = 2000


async def event_stream(services: Services, after: int | None) -> EventSourceResponse:
    """All events after number `after`, or from now on when None; never ends by itself."""
    # "Now" is fixed before the first byte leaves: what happens once the client knows it is connected is not lost.
    start = await services.events.latest_sequence() if after is None else after
    return _response(_frames(services, start), services)


def job_stream(services: Services, job: Mapping[str, Any], after: int | None) -> EventSourceResponse:
    """The events of one job (its record), from its first or from after number `after`; ends with the job."""
    return _response(_job_frames(services, job, after or 0), services)


def last_event_id(request: Request, query_value: str | None) -> int | None:
    """Where the client wants to resume: the header that browsers send, else the query."""
    return parse_event_id(request.headers.get("last-event-id") or query_value)


def _response(frames: AsyncIterator[ServerSentEvent], services: Services) -> EventSourceResponse:
    return EventSourceResponse(
        frames,
        ping=_HEARTBEAT_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat", sep="\n"),
        sep="\n",
        send_timeout=_SEND_TIMEOUT_SECONDS,
        shutdown_event=services.closing,
        shutdown_grace_period=_GRACE_SECONDS,
    )


async def _frames(services: Services, after: int) -> AsyncIterator[ServerSentEvent]:
    subscription = services.events.subscribe(after)
    yield _greeting()
    async for event in until_closing(subscription, services.closing):
        yield _frame(event)


async def _job_frames(
    services: Services, job: Mapping[str, Any], after: int
) -> AsyncIterator[ServerSentEvent]:
    yield _greeting()
    if job["status"] in FINISHED and not (await services.events.after(after, job_id=job["id"]))[0]:
        return  # the client has seen the end
    subscription = services.events.subscribe(after, job_id=job["id"])
    async for event in until_closing(subscription, services.closing):
        yield _frame(event)
        if event.kind in FINAL_KINDS:
            return


def _greeting() -> ServerSentEvent:
    """The first bytes: they tell the client that it is connected, and when to come back."""
    return ServerSentEvent(comment="connected", retry=_RETRY_MS, sep="\n")


def _frame(event: Event) -> ServerSentEvent:
    data = orjson.dumps(event.envelope()).decode()
    return ServerSentEvent(data, event=EVENT_NAME, id=event.event_id, sep="\n")
