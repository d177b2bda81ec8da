"""The metric `action`: names, arguments, abstention, and answers that cannot be read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from whetstone.optimize.metrics import Answer, Score, get_metric

ORDER = '{"action":"TRACK_ORDER","parameters":{"orderId":"5560","express":true}}'
NOTHING = '{"action":"NONE","parameters":{}}'


def act(expected: str | Answer, given: str | Answer) -> Score:
    answers = [Answer(answer) if isinstance(answer, str) else answer for answer in (expected, given)]
    return get_metric("action")(*answers)


def call(name: str, arguments: Any) -> dict[str, Any]:
    """A tool call in OpenAI's form."""
    return {
        "id": "1",
        "type": "function",
        "function": {"name": name, "arguments": orjson.dumps(arguments).decode()},
    }


@pytest.mark.parametrize(
    "answer",
    [
        '{"action":"TRACK_ORDER","parameters":{"orderId":"5560","express":true}}',
        '{"actionName":"track_order","params":{"EXPRESS":true,"orderid":"5560"}}',
        '{"name":"TRACK_ORDER","args":{"orderId":5560,"express":"True"}}',
        '{"type":"TRACK_ORDER","arguments":"{\\"orderId\\": 5560.0, \\"express\\": true}"}',
        '{"actions":["TRACK_ORDER"],"parameters":{"orderId":"5560","express":true,"note":null}}',
        '{"actions":[{"name":"TRACK_ORDER","parameters":{"orderId":"5560","express":true}}]}',
        '{"toolCalls":[{"toolName":"TRACK_ORDER","input":{"orderId":"5560","express":true}}]}',
        'I will do this:\n```json\n{"action":"TRACK_ORDER","parameters":{"orderId":"5560","express":true}}\n```',
        'thought: they want news\nactions[1]: TRACK_ORDER\nparameters: {"orderId":"5560","express":true}',
        '<response><actions>TRACK_ORDER</actions><params>{"orderId":"5560","express":true}</params></response>',
        Answer("Let me look.", [call("TRACK_ORDER", {"orderId": "5560", "express": True})]),
        Answer(tool_calls=[{"name": "TRACK_ORDER", "arguments": {"orderId": "5560", "express": True}}]),
    ],
)
def test_the_same_call_is_right_in_every_notation(answer: str | Answer) -> None:
    score = act(ORDER, answer)
    assert (score.value, score.parsed) == (1, True)
    assert act(answer, ORDER).value == 1


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"action":"TRACK_ORDER","parameters":{"orderId":"5560"}}', 0.75),
        ('{"action":"TRACK_ORDER","parameters":{"orderId":"1","express":true}}', 0.75),
        ('{"action":"TRACK_ORDER","parameters":{"orderId":"5560","express":true,"a":1,"b":2}}', 0.75),
        ('{"action":"TRACK_ORDER"}', 0.5),
        ("TRACK_ORDER", 0.5),
        ('{"action":"START_RETURN","parameters":{"orderId":"5560","express":true}}', 0),
        (NOTHING, 0),
    ],
)
def test_the_name_is_half_and_the_arguments_share_the_other_half(answer: str, value: float) -> None:
    score = act(ORDER, answer)
    assert (score.value, score.parsed) == (value, True)
    assert "TRACK_ORDER(orderId='5560'" in score.feedback


@pytest.mark.parametrize(
    "answer", [NOTHING, '{"action":null}', '{"actions":[]}', '{"toolCalls":[]}', "NONE", "action: none"]
)
def test_calling_nothing_is_right_where_nothing_is_expected(answer: str) -> None:
    assert act(NOTHING, answer).value == 1
    assert act(NOTHING, ORDER).value == 0
    assert act(ORDER, answer).value == 0


def test_plain_text_is_an_abstention_only_where_plain_text_is_expected() -> None:
    assert act("How can I help?", "What is your order number?").value == 1
    assert act("How can I help?", NOTHING).value == 1
    assert act("How can I help?", ORDER).value == 0
    for expected in (NOTHING, ORDER):
        score = act(expected, "I would track the order.")
        assert (score.value, score.parsed) == (0, False)
        assert "plain text" in score.feedback


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"action":"TRACK_ORDER","parameters":{"orderId":"55', "broken JSON (Unterminated string"),
        ('{"thought":"hm"}', "lacks the expected keys"),
        ('{"action":{"parameters":{}}}', "action without a name"),
        ('{"action":"TRACK_ORDER","parameters":["5560"]}', "not an object"),
        ('{"action":"TRACK_ORDER","parameters":"order 5560"}', "broken JSON"),
        (Answer(tool_calls=[{"function": {"arguments": "{}"}}]), "tool call without a name"),
        (Answer(tool_calls=[{"function": {"name": "TRACK_ORDER", "arguments": "{"}}]), "broken JSON"),
    ],
)
def test_an_unreadable_call_scores_nothing_and_says_why(answer: str | Answer, reason: str) -> None:
    score = act(ORDER, answer)
    assert (score.value, score.parsed) == (0, False)
    assert reason in score.feedback


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.1 + 0.2, 0.3, True),
        (1_000_000, 1_000_000.4, True),
        (1, 2, False),
        (1, True, False),
        ("7", 7, True),
        ("07", "7", False),
        (10**400, 10**400, True),
        (10**400, 1, False),
        ("Café  au lait", "CAFE\u0301 au lait", True),
        ("ＡＢＣ", "abc", True),
        ({"A": [1, {"b": None}]}, {"a": [1.0, {}]}, True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1}, [1], False),
        ("", None, False),
        ("नमस्ते", "नमस्कार", False),
    ],
)
def test_what_counts_as_the_same_argument(one: Any, other: Any, same: bool) -> None:
    wanted, got = (Answer(tool_calls=[{"name": "A", "arguments": {"x": [value]}}]) for value in (one, other))
    assert act(wanted, got).value == (1 if same else 0.5)
    assert act(got, wanted).value == (1 if same else 0.5)


def test_several_calls_are_compared_in_order() -> None:
    wanted = Answer(tool_calls=[call("A", {}), call("B", {"x": 1})])
    assert act(wanted, wanted).value == 1
    assert act(wanted, Answer(tool_calls=[call("A", {})])).value == 0.5
    assert act(wanted, Answer(tool_calls=[call("B", {"x": 1}), call("A", {})])).value == 0
    assert act(Answer(tool_calls=[call("A", {})]), wanted).value == 0.5


def test_arguments_nested_without_end_are_refused_not_followed() -> None:
    nested: dict[str, Any] = {}
    for _ in range(5000):
        nested = {"a": nested}
    score = act(ORDER, Answer(tool_calls=[{"name": "TRACK_ORDER", "arguments": nested}]))
    assert (score.value, score.parsed) == (0, False)
    assert "nested" in score.feedback
