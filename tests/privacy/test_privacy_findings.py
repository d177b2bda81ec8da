"""What was found once is found everywhere in the trajectory."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.findings import Findings

_VALUES = st.text("ab1 +-(é", min_size=3, max_size=9).map(lambda text: f"{text}12345")


def _known(values: list[str]) -> Findings:
    findings = Findings()
    for value in values:
        findings.learn(Span(0, len(value), "account-number", "<x>", Order.IDENTITY), value)
    return findings


@given(st.lists(_VALUES, min_size=1, max_size=6), st.data())
def test_values_are_found_as_whole_words(values: list[str], data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*values, " ", "a", "-", "1", "x y"]), max_size=12))
    text = "".join(parts)
    found = [(span.start, span.end) for span in _known(values).find(text)]
    longest_first = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    expected = {match.span() for match in re.finditer(rf"(?<!\w)(?:{longest_first})(?!\w)", text)}
    covered = {position for start, end in found for position in range(start, end)}
    assert {position for start, end in expected for position in range(start, end)} <= covered
    assert all(text[start:end] in values for start, end in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))


def test_a_value_inside_a_longer_word_is_left() -> None:
    findings = _known(["4711-0815", "+49 12345"])
    assert [
        (span.start, span.end) for span in findings.find("x4711-0815 4711-08159 4711-0815, (+49 12345)")
    ] == [
        (22, 31),
        (34, 43),
    ]
