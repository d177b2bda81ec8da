"""Edits of texts: composition over rounds, literals in JSON text, pieces of a streamed text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.structure.edits import Edit, Rewrite, across, apply
from whetstone.privacy.structure.json_text import Leaf, literal_edits, parse


@st.composite
def edits_of(draw: st.DrawFn, text: str) -> list[Edit]:
    """Disjoint, ordered edits of a text."""
    borders = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return [
        Edit(start, end, draw(st.text("XYZ", max_size=4)), "kind", Tier.RULES)
        for start, end in pairs
        if start < end
    ]


@given(st.text("abcdef", max_size=20), st.data())
def test_edits_of_several_rounds_are_edits_of_the_original(text: str, data: st.DataObject) -> None:
    rewrite, expected = Rewrite(text), text
    for _ in range(3):
        edits = data.draw(edits_of(expected))
        expected = apply(expected, edits)
        rewrite.apply(edits)
        assert rewrite.text == expected
    position = 0
    for edit in rewrite.edits:
        assert position <= edit.start <= edit.end <= len(text)
        position = edit.end


def test_a_later_edit_takes_in_what_an_earlier_one_put_there() -> None:
    rewrite = Rewrite("call Jane Roe now")
    rewrite.apply([Edit(5, 9, "<A>", "person", Tier.NAMES)])
    rewrite.apply([Edit(5, 12, "<B>", "person", Tier.NAMES)])
    assert rewrite.text == "call <B> now"
    assert rewrite.edits == [Edit(5, 13, "<B>", "person", Tier.NAMES)]


@given(st.lists(st.text("abc", max_size=6), min_size=1, max_size=6), st.data())
def test_edits_across_pieces(pieces: list[str], data: st.DataObject) -> None:
    joined = "".join(pieces)
    edits = data.draw(edits_of(joined))
    ends = [sum(map(len, pieces[: number + 1])) for number in range(len(pieces))]
    crossing = [edit for edit in edits if any(edit.start < end < edit.end for end in ends)]
    parts = across(pieces, edits)
    new = [apply(piece, part) for piece, part in zip(pieces, parts, strict=True)]
    assert "".join(new) == apply(joined, crossing)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _leaves(value: Any) -> list[Leaf]:
    if isinstance(value, Leaf):
        return [value]
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in (*_leaves(key), *_leaves(member))]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else []


@given(
    st.lists(_JSON, max_size=4) | st.dictionaries(st.text(), _JSON, max_size=4), st.booleans(), st.booleans()
)
def test_json_is_read_as_it_is_and_every_leaf_knows_its_place(value: Any, plain: bool, wide: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain, indent=2 if wide else None)
    document = parse(text)
    assert document == value
    for leaf in _leaves(document):
        assert json.loads(text[leaf.start : leaf.end]) == leaf


@given(st.text(min_size=1), st.data(), st.booleans())
def test_an_edit_of_a_leaf_is_the_same_edit_of_its_literal(
    value: str, data: st.DataObject, plain: bool
) -> None:
    text = json.dumps({"before": 1, "key": [value, "after"]}, ensure_ascii=plain)
    document = parse(text)
    assert document is not None
    leaf = document["key"][0]
    edits = data.draw(edits_of(value))
    edited = apply(text, literal_edits(text, leaf, edits))
    assert json.loads(edited) == {"before": 1, "key": [apply(value, edits), "after"]}
