"""Events (contract §2)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config

ENVELOPE: dict[str, Any] = {
    "type": "training_event",
    "version": 1,
    "eventId": "evt-42",
    "bufferSeq": 42,
    "ts": 1760000000123,
    "payload": {
        "kind": "job_progress",
        "ts": 1760000000123,
        "message": "training 45%",
        "jobId": "job-1760000000000-1a2b3c4d",
        "progress": 0.45,
        "phase": "training",
    },
}
STREAM_EXAMPLE = (
    "id: evt-42\nevent: training_event\n"
    'data: {"type":"training_event","version":1,"eventId":"evt-42","bufferSeq":42,"ts":1760000000123,'
    '"payload":{"kind":"job_progress","ts":1760000000123,"message":"training 45%","progress":0.45}}\n\n'
)


class EventPayload(WireModel):
    """What happened."""

    model_config = wire_config(ENVELOPE["payload"])

    kind: Literal[
        "job_started",
        "job_progress",
        "job_log",
        "job_completed",
        "job_failed",
        "job_cancelled",
        "dataset_built",
        "model_imported",
        "model_activated",
    ]
    ts: int
    message: str
    job_id: str | None = None
    model_id: str | None = None
    dataset_id: str | None = None
    progress: float | None = Field(default=None, ge=0, le=1)
    phase: str | None = None


class EventEnvelope(WireModel):
    """An event, numbered."""

    model_config = wire_config(ENVELOPE)

    type: Literal["training_event"]
    version: int
    event_id: str
    buffer_seq: int
    ts: int
    payload: EventPayload


class EventList(WireModel):
    """The newest events, oldest first."""

    model_config = wire_config(
        {"events": [ENVELOPE], "latestEventId": "evt-42", "totalBuffered": 42, "replayed": True}
    )

    events: list[EventEnvelope]
    latest_event_id: str | None
    total_buffered: int
    replayed: bool
