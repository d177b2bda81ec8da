from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from optimize_world import rows
from whetstone.optimize.instructions.answer_form import describe_answers
from whetstone.optimize.metrics import Answer
from whetstone.optimize.rows.examples import Example, parse_row

ROWS = [parse_row(row) for row in rows(30)]


def answering(texts: list[str]) -> list[Example]:
    return [replace(row, expected=Answer(text), label=None) for row, text in zip(ROWS, texts, strict=False)]


def test_json_answers_are_described_by_their_keys_and_values() -> None:
    text = describe_answers(ROWS)
    assert "JSON objects (100%)" in text
    assert 'Key "action" in 100%: ' in text
    assert '"RESPOND" (33%)' in text
    assert "Kinds of rows: " in text


def test_short_answers_are_listed_and_long_ones_measured() -> None:
    assert "They are: yes (50%), no (50%)" in describe_answers(answering(["yes", "no"] * 15))
    text = describe_answers(answering([f"{'word ' * 20}{n}" for n in range(30)]))
    assert "text of 101 to 102 characters" in text
    assert "They are" not in text


def test_tool_calls_are_counted_by_name() -> None:
    call = {"function": {"name": "look", "arguments": "{}"}}
    calling = [replace(row, expected=Answer("", (call,)), label=None) for row in ROWS]
    assert "100% of the right answers call tools: look (100%)" in describe_answers(calling)


def test_what_only_one_group_answers_is_not_told() -> None:
    secret = answering(["yes"] * 27 + ["the code is 4711"] * 3)
    secret = [*secret[:27], *(replace(row, group="one") for row in secret[27:])]
    assert "4711" not in describe_answers(secret)


@given(st.lists(st.text(min_size=1, max_size=80), max_size=30))
def test_any_answers_can_be_described(texts: list[str]) -> None:
    assert isinstance(describe_answers(answering(texts)), str)
