"""What both database engines accept: nothing is refused but absurd nesting, nothing unstorable is left."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.storable import clean_json, clean_text

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in (*value, *value.values()) for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("ß 你", "ß 你"),
        ("a\x00b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("x\ud800", "x\ufffd"),
    ],
)
def test_text_loses_nul_and_lone_surrogates(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(anything)
def test_what_is_cleaned_is_storable_and_stays_so(value: Any) -> None:
    clean = clean_json(value)
    assert clean_json(clean) == clean
    for text in _texts(clean):
        assert "\x00" not in text
        text.encode()  # no lone surrogate


def test_numbers_that_json_cannot_carry_become_text_or_null() -> None:
    assert clean_json([2**63, -(2**63), math.inf, math.nan]) == [str(2**63), str(-(2**63)), None, None]


def test_absurd_nesting_is_refused() -> None:
    value: list[Any] = []
    for _ in range(101):
        value = [value]
    with pytest.raises(ValueError, match="100 levels"):
        clean_json(value)
