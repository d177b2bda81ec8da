"""A span as the mapping sees it, whatever encoding it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPAN_KIND_INTERNAL = 1
"""`SPAN_KIND_INTERNAL`; 0 is unspecified, the higher ones cross a network."""

_STATUS_ERROR = 2
_REMOTE_KNOWN, _REMOTE = 0x100, 0x200


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened during a span; `moment` in milliseconds since the epoch, 0 when unknown."""

    name: str
    moment: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A finished unit of work. Ids are lower-case hex; times are nanoseconds since the epoch, 0 when unknown."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    events: tuple[SpanEvent, ...] = ()
    status: int = 0
    status_message: str = ""
    flags: int = 0

    @property
    def start_ms(self) -> int:
        """Start in milliseconds since the epoch."""
        return self.start // 1_000_000

    @property
    def end_ms(self) -> int:
        """End in milliseconds since the epoch."""
        return self.end // 1_000_000

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end; 0 when one of them is unknown."""
        return round((self.end - self.start) / 1_000_000, 3) if 0 < self.start <= self.end else 0.0

    @property
    def failed(self) -> bool:
        """Whether the status is an error."""
        return self.status == _STATUS_ERROR

    @property
    def is_root(self) -> bool:
        """Whether nothing in this process is above the span: it has no parent, or one in another process."""
        return self.parent_id is None or self.flags & (_REMOTE_KNOWN | _REMOTE) == _REMOTE_KNOWN | _REMOTE


@dataclass(slots=True)
class Decoded:
    """The spans of a request, and how many of them were unusable, with the first reason."""

    spans: list[Span] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""

    def reject(self, reason: str, count: int = 1) -> None:
        """Count unusable spans."""
        self.rejected += count
        self.reason = self.reason or reason
