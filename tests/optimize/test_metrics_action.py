"""The metric `action`: names, arguments, abstention, and answers that cannot be read."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from whetstone.optimize.metrics import Answer, Score, get_metric
from whetstone.optimize.metrics.accepted import bfcl_calls, without_accepted

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


def test_tool_calls_are_made_at_once_and_compared_in_any_order() -> None:
    wanted = Answer(tool_calls=[call("A", {}), call("B", {"x": 1}), call("B", {"x": 2})])
    turned = Answer(tool_calls=[call("B", {"x": 2}), call("B", {"x": 1}), call("A", {})])
    assert act(wanted, turned).value == act(wanted, wanted).value == 1
    assert act(wanted, Answer(tool_calls=[call("B", {"x": 2})])).value == pytest.approx(1 / 3)
    assert act(Answer(tool_calls=[call("A", {})]), wanted).value == pytest.approx(1 / 3)
    wrong = act(wanted, Answer(tool_calls=[call("B", {"x": 3}), call("B", {"x": 1}), call("A", {})]))
    assert wrong.value == pytest.approx(2.5 / 3)
    assert "x is 3, 2 is right" in wrong.feedback


def test_the_actions_of_a_plan_are_compared_in_order() -> None:
    assert act('{"actions":["REPLY","SEND"]}', '{"actions":["REPLY","SEND"]}').value == 1
    assert act('{"actions":["REPLY","SEND"]}', '{"actions":["SEND","REPLY"]}').value == 0
    assert act('{"actions":["REPLY","SEND"]}', '{"actions":["REPLY"]}').value == 0.5


def test_many_calls_take_little_time() -> None:
    wanted = Answer(tool_calls=[call("A", {"x": n}) for n in range(2000)])
    start = time.perf_counter()
    assert act(wanted, wanted).value == 1
    assert time.perf_counter() - start < 10


def test_feedback_names_each_wrong_argument_the_same_in_every_process() -> None:
    given = '{"action":"TRACK_ORDER","parameters":{"orderId":"1","b":1,"a":2}}'
    assert act(ORDER, given).feedback.endswith(
        "Wrong: orderid is '1', '5560' is right; express is missing, True is right; "
        "b should not be given; a should not be given."
    )


def test_where_nothing_is_called_for_feedback_says_so() -> None:
    assert "Call nothing where nothing fits" in act(NOTHING, ORDER).feedback
    assert "An action is needed here" in act(ORDER, NOTHING).feedback


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("I cannot do that.", 1),
        ('{"toolCalls":[]}', 1),
        (NOTHING, 1),
        (ORDER, 0),
        ("", 0),
        ('{"action": "TR', 0),
    ],
)
def test_a_model_that_calls_no_tool_abstains_where_no_tool_call_is_expected(given: str, value: float) -> None:
    assert act('{"toolCalls":[]}', given).value == value


def test_an_empty_answer_is_never_right() -> None:
    for expected in (ORDER, NOTHING, "How can I help?"):
        score = act(expected, " ")
        assert (score.value, score.parsed) == (0, False)
        assert "empty" in score.feedback


def test_an_expected_call_that_cannot_be_read_is_not_right_for_everything() -> None:
    unreadable = Answer(tool_calls=[{"function": {"arguments": "{}"}}])
    assert act(unreadable, Answer(tool_calls=[call("A", {})])).value == 0
    assert act(unreadable, unreadable).value == 1


RIDE = {
    "to": ["Berkeley", "Berkeley, CA"],
    "type": ["plus", ""],
    "time": [10, 15.5],
    "stops": [["a", "b"], []],
    "start": ["now", None],
    "guest": [{"name": ["Ann", "Anna"], "age": [7, ""]}, ""],
}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (
            {
                "to": "Berkeley",
                "type": "Plus",
                "time": 10,
                "stops": ["A", "b"],
                "guest": {"name": "ann"},
                "start": "now",
            },
            1,
        ),
        ({"to": "berkeley CA", "time": "15.5", "stops": []}, 1),
        ({"to": "Berkeley", "time": 10, "stops": [], "guest": {"name": "Anna", "age": 7}, "type": None}, 1),
        ({"to": "Oakland", "time": 10, "stops": []}, 0.5 + 0.5 * 2 / 3),
        ({"to": "Berkeley", "time": 10, "stops": ["b", "a"]}, 0.5 + 0.5 * 2 / 3),
        ({"to": "Berkeley", "time": 10, "stops": [], "guest": {"age": 7}}, 0.5 + 0.5 * 3 / 4),
        ({"to": "Berkeley", "time": 10, "stops": [], "guest": {"name": "Ann", "x": 1}}, 0.5 + 0.5 * 3 / 4),
        ({"to": "Berkeley", "time": 10, "stops": [], "more": 1}, 0.5 + 0.5 * 3 / 4),
        ({"time": 10, "stops": []}, 0.5 + 0.5 * 2 / 3),
    ],
)
def test_accepted_values_of_each_argument_as_in_function_calling_benchmarks(
    arguments: dict[str, Any], value: float
) -> None:
    for expected in (
        {"name": "uber.ride", "acceptedArguments": RIDE},
        {"function": {"name": "uber.ride", "arguments": "{}", "acceptedArguments": RIDE}},
        bfcl_calls([{"uber.ride": RIDE}])[0],
    ):
        score = act(Answer(tool_calls=[expected]), Answer(tool_calls=[call("uber_ride", arguments)]))
        assert score.value == pytest.approx(value)
    assert (
        act(Answer(orjson.dumps({"toolCalls": [expected]}).decode()), Answer(tool_calls=[expected])).value
        == 1
    )


def test_accepted_values_of_an_answer_mean_nothing() -> None:
    given = {"name": "ride", "arguments": {"to": "x"}, "acceptedArguments": {"to": ["Berkeley"]}}
    wanted = Answer(tool_calls=[{"name": "ride", "acceptedArguments": {"to": ["Berkeley", "Berkeley CA"]}}])
    score = act(wanted, Answer(tool_calls=[given]))
    assert score.value == 0.5
    assert "to is 'x', 'Berkeley' or 'Berkeley CA' is right" in score.feedback


def test_an_example_for_a_model_shows_right_arguments_and_no_accepted_ones() -> None:
    [flat] = without_accepted([{"name": "ride", "acceptedArguments": RIDE}])
    assert flat == {"name": "ride", "arguments": {"to": "Berkeley", "time": 10, "stops": ["a", "b"]}}
    nested = {"function": {"name": "ride", "arguments": "{}", "acceptedArguments": RIDE}}
    [shown] = without_accepted([{"id": "1", **nested}])
    assert shown["function"].keys() == {"name", "arguments"}
    assert orjson.loads(shown["function"]["arguments"]) == flat["arguments"]
    assert (
        act(Answer(tool_calls=[{"name": "ride", "acceptedArguments": RIDE}]), Answer(tool_calls=[flat])).value
        == 1
    )
    plain = call("ride", {"to": "x"})
    assert without_accepted([plain]) == [plain]


def test_texts_without_letters_keep_their_signs() -> None:
    wanted = Answer(tool_calls=[{"name": "f", "acceptedArguments": {"x": ["1.5"], "day": ["April 1, 2024"]}}])
    for x, day, value in (("1.5", "april 1 2024", 1), ("15", "April 1, 2024", 0.75), ("-1.5", "May 1", 0.5)):
        assert act(wanted, Answer(tool_calls=[call("f", {"x": x, "day": day})])).value == value


def test_arguments_nested_without_end_are_refused_not_followed() -> None:
    nested: dict[str, Any] = {}
    for _ in range(5000):
        nested = {"a": nested}
    score = act(ORDER, Answer(tool_calls=[{"name": "TRACK_ORDER", "arguments": nested}]))
    assert (score.value, score.parsed) == (0, False)
    assert "nested" in score.feedback
