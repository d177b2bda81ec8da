"""JSON inside strings: filtered as JSON, written back in its own notation, and text when it cannot be."""

from __future__ import annotations

import json

import pytest

from whetstone.privacy.filter import PrivacyFilter

EMAIL = "jane@example.com"


@pytest.mark.parametrize(
    ("indent", "item", "colon"),
    [(None, ",", ":"), (None, ", ", ": "), (2, ",", ": "), (4, ",", ": "), ("\t", ",", ": ")],
)
def test_json_in_strings_keeps_its_notation(
    plain_filter: PrivacyFilter, indent: int | str | None, item: str, colon: str
) -> None:
    value = {"to": EMAIL, "n": [1, 2.5, None, True], "inner": json.dumps({"lat": 1.5, "text": "ü"})}
    text = f"  {json.dumps(value, indent=indent, separators=(item, colon))}\n"
    inner = json.dumps({"lat": "[REDACTED_GEO]", "text": "ü"})
    filtered = plain_filter.text(text)
    assert json.loads(filtered) == {**value, "to": "[REDACTED_EMAIL]", "inner": inner}
    assert filtered == text.replace(EMAIL, "[REDACTED_EMAIL]").replace("1.5", '\\"[REDACTED_GEO]\\"')


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1.10, "b": [1,2 , 3],\n "c":"\\u00fc"}',
        '{"big": 123456789012345678901234567890, "e": 1E5}',
        "[not json]",
        "{",
    ],
)
def test_clean_json_stays_byte_for_byte(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text


def test_large_numbers_survive_a_change_next_to_them(plain_filter: PrivacyFilter) -> None:
    filtered = plain_filter.text(f'{{"big":123456789012345678901234567890,"to":"{EMAIL}"}}')
    assert filtered == '{"big":123456789012345678901234567890,"to":"[REDACTED_EMAIL]"}'


@pytest.mark.parametrize(
    "text",
    [
        f'{{"a": "{EMAIL}", "a": "second"}}',  # repeated key: the first value must not hide
        f'{{"a": NaN, "b": "{EMAIL}"}}',
        f'{{"a": 1e999, "b": "{EMAIL}"}}',
        f"{{'a': '{EMAIL}'}}",
        "[" * 5000 + f'"{EMAIL}"' + "]" * 5000,
        "[" * 300 + f'"{EMAIL}"' + "]" * 300,
    ],
)
def test_what_cannot_be_rewritten_is_filtered_as_text(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text.replace(EMAIL, "[REDACTED_EMAIL]")


def test_escaped_at_sign_does_not_hide(plain_filter: PrivacyFilter) -> None:
    assert plain_filter.text('{"a":"jane\\u0040example.com"}') == '{"a":"[REDACTED_EMAIL]"}'
