"""One thing that happened, as the stream of the wire contract (§2.2, §2.3) tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whetstone.clock import now_ms
from whetstone.storable import clean_json, clean_text

JOB_STARTED = "job_started"
JOB_PROGRESS = "job_progress"
JOB_LOG = "job_log"
JOB_COMPLETED = "job_completed"
JOB_FAILED = "job_failed"
JOB_CANCELLED = "job_cancelled"
DATASET_BUILT = "dataset_built"

MAX_MESSAGE = 4000  # characters

FINAL_KINDS = frozenset({JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED})


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event that has no number yet. `payload` has the keys of contract §2.3."""

    kind: str
    ts: int
    job_id: str | None
    payload: Mapping[str, Any]


def draft(
    kind: str,
    message: str,
    *,
    job_id: str | None = None,
    model_id: str | None = None,
    dataset_id: str | None = None,
    progress: float | None = None,
    phase: str | None = None,
    ts: int | None = None,
    **extra: Any,
) -> EventDraft:
    """An event to publish. `progress` is a fraction 0..1; `ts` milliseconds since the epoch, now if absent.

    `message` is a sentence for people; `extra` adds keys to the payload and never replaces the contract's.
    """
    ts = now_ms() if ts is None else ts
    ids = {"jobId": job_id, "modelId": model_id, "datasetId": dataset_id}
    optional = {**ids, "progress": progress, "phase": phase}
    payload = {
        **clean_json(extra),
        "kind": kind,
        "ts": ts,
        "message": _sentence(message),
        **{key: value for key, value in optional.items() if value is not None},
    }
    return EventDraft(kind, ts, job_id, payload)


def reported(line: Mapping[str, Any], job_id: str, progress: float | None) -> EventDraft:
    """The event that a job's worker wrote as `line`, which has kind, ts and message; `progress` corrects its own."""
    corrected = {} if progress is None else {"progress": progress}
    payload = {**clean_json(line), "message": _sentence(line["message"]), "jobId": job_id, **corrected}
    return EventDraft(line["kind"], line["ts"], job_id, payload)


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event. `sequence` rises with time and never repeats; it may skip numbers."""

    sequence: int
    ts: int
    kind: str
    job_id: str | None
    payload: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """`evt-<sequence>`, what clients send back as Last-Event-ID."""
        return f"evt-{self.sequence}"

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.payload["message"])

    def envelope(self) -> dict[str, Any]:
        """The JSON object of contract §2.2."""
        return {
            "type": "training_event",
            "version": 1,
            "eventId": self.event_id,
            "bufferSeq": self.sequence,
            "ts": self.ts,
            "payload": dict(self.payload),
        }


def _sentence(message: str) -> str:
    text = clean_text(message)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def parse_event_id(text: str | None) -> int | None:
    """The sequence in `evt-41` (or a bare `41`); None when there is none."""
    digits = (text or "").strip().removeprefix("evt-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
