"""Credentials of every provider, secrets that only the words around them give away, and text that is neither."""

from __future__ import annotations

import time

import pytest

from credential_samples import ASSIGNED, HARMLESS, HOSTILE_UNITS, PROVIDERS
from whetstone.privacy.detectors.assignments import AssignmentDetector
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.detectors.listed import SecretValueDetector
from whetstone.privacy.detectors.spans import Span, resolve
from whetstone.privacy.replacement.placeholders import mask_placeholders
from whetstone.privacy.structure.edits import Edit, apply

_DETECTORS = (*credential_detectors(), AssignmentDetector())


def _spans(text: str) -> list[Span]:
    masked = mask_placeholders(text)
    return resolve(span for detector in _DETECTORS for span in detector.find(masked))


def _filtered(text: str) -> str:
    return apply(text, [Edit(*span[:2], span.replacement, span.kind, span.tier) for span in _spans(text)])


_FRAMES = (
    "{}",
    "it is {}.",
    '{{"k": "{}"}}',
    "`{}`",
    "({}),",
    "<b>{}</b>",
    "line one\\n{}\\n",
    "\x1b[32m{}\x1b[0m",
    "x={}&y=1",
)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_token_goes_as_a_whole_and_nothing_else(kind: str) -> None:
    token = PROVIDERS[kind]
    for frame in _FRAMES:
        before, _, after = frame.replace("{{", "{").partition("{}")
        text = before + token + after
        spans = _spans(text)
        assert [span.kind for span in spans] == [kind], frame
        assert spans[0].start == len(before), frame
        # An armour that was cut off takes the line break after it along.
        assert spans[0].end == len(before) + len(token) or kind == "private-key", frame


def test_there_are_many_kinds() -> None:
    assert len(PROVIDERS) >= 90


@pytest.mark.parametrize(("text", "expected"), ASSIGNED)
def test_only_the_value_goes(text: str, expected: str) -> None:
    assert _filtered(text) == expected


_RUN = "Zyx98765wvu"
_CONTRACT = {
    "anthropic-key": (
        "sk-" + f"ant-{_RUN}-{_RUN}",
        "sk-" + "ant-" + "a" * 16,
        "sk-" + "ant-small-words-after-it",
    ),
    "openai-key": (
        "sk-" + "a" * 16,
        "sk-" + "abcdefghijklmnopqrstuvwxyz",
        "sk-" + f"or-v1-{_RUN}{_RUN}",
        "sk-" + f"lf-{_RUN}-{_RUN}",
        "sk-" + "ABCD_EFGH-IJKL_MNOP",
        "sk-" + "some-words-in-a-row",
        "sk-" + "fading-circle-container1",
    ),
    "bearer": (
        "Bearer " + "a" * 16,
        "Bearer " + "a.b_c-d" * 4,
        "Bearer " + "YOUR_TOKEN" + "a1b2c3",
        "Bearer " + "Abcdefgh-ijklmnopq",
        "Bearer " + "xkcdqrst-bvnmwrtp",
        "Bearer " + "ABCDEFGHIJKLMNOPQRST",
    ),
    "github-token": ("gh" + "p_" + "a" * 20, "gh" + f"p_{_RUN}{_RUN}"),
    "aws-access-key": ("AK" + "IAABCDEFGHIJKLMNOP", "AK" + "IA0123456789012345"),
}


@pytest.mark.parametrize(
    ("kind", "token"), [(kind, token) for kind, tokens in _CONTRACT.items() for token in tokens]
)
def test_everything_of_a_shape_of_the_contract_gets_its_label(kind: str, token: str) -> None:
    assert _filtered(f"it is {token}, yes") == f"it is <REDACTED:{kind}>, yes"


def test_secret_next_to_an_access_key_id() -> None:
    text = "id AKIA" + "IOSFODNN7EXAMPLE and then wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAM3LEKEY"
    assert _filtered(text) == "id <REDACTED:aws-access-key> and then <REDACTED:aws-secret-key>"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert _filtered(text) == text


@pytest.mark.parametrize(
    "text", [*PROVIDERS.values(), "password: a1b2&c3;d4 pin 1234, Bearer abcdefghij0123456789"]
)
def test_what_is_left_holds_nothing_more(text: str) -> None:
    once = _filtered(f"token={text} {text}\npassword: {text}")
    assert _filtered(once) == once


_SIZE = 200_000
# Measured: up to 0.6 s of processor time for one detector; a quadratic pattern would take minutes.
_LIMIT_SECONDS = 2.0


@pytest.mark.parametrize("unit", HOSTILE_UNITS, ids=repr)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = (unit * (_SIZE // len(unit) + 1))[:_SIZE] + "\n@!"
    for detector in _DETECTORS:
        started = time.process_time()
        for _ in detector.find(text):
            pass
        assert time.process_time() - started < _LIMIT_SECONDS, type(detector)


def test_many_secret_values_take_one_scan() -> None:
    values = [f"{number:03d}-secret-value-{number * 7919:06d}" for number in range(300)]
    detector = SecretValueDetector(values)
    text = "an ordinary sentence about nothing 00" * 27_000
    started = time.process_time()
    assert list(detector.find(text)) == []
    assert time.process_time() - started < 1.0
    assert len(list(detector.find(" ".join(values)))) == 300


def test_overlapping_secret_values_both_go() -> None:
    detector = SecretValueDetector(["abcdefgh-12345678", "12345678-zyxwvuts"])
    [span] = resolve(detector.find("is abcdefgh-12345678-zyxwvuts."))
    assert (span.start, span.end) == (3, 29)
