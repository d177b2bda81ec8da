"""Which failures are tried again, and how long the waits are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.lm.retry import RetryPolicy, is_retryable, retry_after_seconds


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_passing_states_are_retryable(status: int) -> None:
    assert is_retryable(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
def test_permanent_states_are_not(status: int) -> None:
    assert not is_retryable(status)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
    ],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header) == seconds


def test_retry_after_as_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    assert retry_after_seconds(format_datetime(moment, usegmt=True)) == pytest.approx(30, abs=2)
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 -0000") == 0


@given(st.text())
def test_no_header_breaks_the_parser(header: str) -> None:
    seconds = retry_after_seconds(header)
    assert seconds is None or seconds >= 0


@given(attempt=st.integers(0, 5000))
def test_backoff_is_bounded(attempt: int) -> None:
    policy = RetryPolicy(base=0.5, cap=30)
    assert 0 <= policy.delay(attempt) <= min(30, 0.5 * 2.0 ** min(attempt, 30))


@given(attempt=st.integers(0, 50), asked=st.floats(0, 1e9))
def test_the_wait_that_was_asked_for_is_kept_up_to_the_cap(attempt: int, asked: float) -> None:
    policy = RetryPolicy(base=0.5, max_retry_after=60)
    assert min(asked, 60) <= policy.delay(attempt, asked) <= min(asked, 60) + 0.5


def test_waits_are_jittered() -> None:
    assert len({RetryPolicy().delay(4) for _ in range(20)}) > 1
