"""No text takes more than linear time, and repeated texts take next to none."""

from __future__ import annotations

import time

import pytest

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.replacement.anonymizer import HashAnonymizer

_SIZE = 25_000
_TIMES = 8
_CONFIG = PrivacyConfig(
    secrets={"A_TOKEN": "aaaaaaaa", "B_TOKEN": "aaaaaaaaaaaaaaaaaaab"},
    deny_list=("acme corp", "a a a b"),
    anonymizer=HashAnonymizer(),
)


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", " ", "\n", "-", ":", '"', "\\", "_", "é", "Aa, ", "1 ", "1.", "1.11,", "a@a.", "@al ", "a.b@c.d."),
        *("+1", "+1234567 ", "+1-", "415-555-", "(415) ", "12 Main Main ", "CA 94043 ", "DE89 3704 ", "4111 ", "a:", "f:"),
        *("sk-", "eyJ", "eyJaaaaaaaaa.", "Bearer  ", "-----BEGIN " + "PRIVATE KEY-----\nAAAA", "://a:", "MAAAAAAAAAAAAAAAAAAAAAAA."),
        *('"lat":', "lat: 1, ", '"coords":{', "location: 1,", "1° ", "POINT(", 'password="', '"password":"a', "token="),
        *("[", '{"a":', '["', "<REDACTED:", "<REDACTED:a>", "call 1 ", "ssn is 1", "10.0.0.1 ", "hunter2 password is "),
    ],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    # Eight times the text costs a linear filter eight times as much and a quadratic one sixty-four times; the second
    # is for what a busy machine adds to a short measurement.
    assert _seconds(unit, _SIZE * _TIMES) < 3 * _TIMES * _seconds(unit, _SIZE) + 1


def _seconds(unit: str, size: int) -> float:
    text = (unit * (size // len(unit) + 1))[:size] + "\n@!"
    privacy = PrivacyFilter(_CONFIG)
    started = time.process_time()
    privacy.text(text)
    return time.process_time() - started


def test_repeated_text_is_remembered() -> None:
    text = "You are a helpful agent; write to jane@example.com. " * 4000
    privacy = PrivacyFilter(_CONFIG)
    started = time.process_time()
    first = privacy.text(text)
    once = time.process_time() - started
    started = time.process_time()
    results = {privacy.text(text) for _ in range(20)}
    assert results == {first}
    assert time.process_time() - started < once * 10
    assert privacy.report.redaction_count == 21 * 4000
