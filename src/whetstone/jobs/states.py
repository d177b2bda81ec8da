"""The life of a job: its states and the only ways from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from whetstone.errors import InvalidInputError


class JobStatus(StrEnum):
    """Status words of the wire contract (§6.7; `queued` is understood as `pending`)."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A resumed job stays `running`: its next attempt is not a new state.
VALID_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
        JobStatus.RUNNING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}),
        JobStatus.COMPLETED: frozenset(),
        JobStatus.FAILED: frozenset(),
        JobStatus.CANCELLED: frozenset(),
    }
)

FINISHED = frozenset(status for status, following in VALID_TRANSITIONS.items() if not following)


def sources_of(target: JobStatus) -> frozenset[JobStatus]:
    """The states from which `target` may be reached."""
    return frozenset(status for status, following in VALID_TRANSITIONS.items() if target in following)


def parse_status(word: str) -> JobStatus:
    """The status that a client names in a filter, `queued` included; `InvalidInputError` for any other word."""
    normal = word.strip().lower()
    if normal == "queued":
        return JobStatus.PENDING
    try:
        return JobStatus(normal)
    except ValueError:
        raise InvalidInputError(f"status must be one of {', '.join(JobStatus)}") from None
