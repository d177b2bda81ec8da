"""When to send a request again, and after what wait."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Besides 5xx: request timeout, conflict (a lock at the endpoint), too early, too many requests.
_RETRYABLE_4XX = frozenset({408, 409, 425, 429})


def is_retryable(status: int) -> bool:
    """Whether an HTTP status may change when the same request is sent again."""
    return status >= 500 or status in _RETRYABLE_4XX


def retry_after_seconds(header: str | None) -> float | None:
    """The wait in seconds of a `Retry-After` header: seconds or an HTTP date (RFC 9110 §10.2.3).

    None when it is absent or makes no sense; never negative.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        return _seconds_until(header)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": UTC without a statement about the zone
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter; all waits in seconds.

    A wait that the endpoint asks for is kept at least as long as asked, up to `max_retry_after`, so that a
    wrong header cannot stall a job for hours.
    """

    max_retries: int = 5
    base: float = 0.5
    cap: float = 30.0
    max_retry_after: float = 60.0

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """The wait after failed attempt number `attempt` (from 0)."""
        backoff = random.random() * min(self.cap, self.base * 2.0 ** min(attempt, 30))
        if retry_after is None:
            return backoff
        return min(retry_after, self.max_retry_after) + min(backoff, self.base)
