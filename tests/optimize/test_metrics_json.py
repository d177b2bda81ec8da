"""The metric `json`: fields, lists, chatter around the JSON, and schemas."""

from __future__ import annotations

import math
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.optimize.metrics import Answer, Score, get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.rows.examples import Example


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def compare(expected: Any, given_answer: Any) -> Score:
    """Of texts as they stand, of anything else as JSON."""
    texts = [each if isinstance(each, str) else dumps(each) for each in (expected, given_answer)]
    return get_metric("json")(*map(Answer, texts))


ORDER = {"id": 7, "customer": {"city": "Bonn", "vip": True}, "tags": ["new", "gift"]}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (ORDER, 1),
        ({"tags": ["gift", "New "], "customer": {"vip": True, "city": "BONN"}, "id": 7.0000001}, 1),
        ({**ORDER, "note": None}, 1),
        ({**ORDER, "id": "7"}, 1),
        ({**ORDER, "id": 8}, 3 / 4),
        ({**ORDER, "note": "x"}, 4 / 5),
        ({**ORDER, "tags": ["new"]}, 3.5 / 4),
        ({**ORDER, "tags": ["new", "gift", "x", "y"]}, 3.5 / 4),
        ({**ORDER, "tags": []}, 3 / 4),
        ({**ORDER, "customer": None}, 2 / 4),
        ({**ORDER, "customer": {}}, 2 / 4),
        ({**ORDER, "customer": "Bonn"}, 2 / 4),
        ({}, 0),
        ([], 0),
        ([ORDER], 0),
    ],
)
def test_the_value_is_the_mean_over_the_fields_of_both(answer: Any, value: float) -> None:
    assert compare(ORDER, answer).value == pytest.approx(value)


def test_an_expected_null_is_a_field_that_must_stay_empty() -> None:
    wanted = {"name": "Ann", "phone": None}
    assert compare(wanted, {"name": "Ann", "phone": None}).value == 1
    assert compare(wanted, {"name": "Ann"}).value == 1
    assert compare(wanted, {"name": "Ann", "phone": "0228"}).value == 0.5
    assert compare(wanted, {"name": "Ann", "phone": {"a": 1, "b": 2}}).value == 0.5


def test_entries_of_a_list_that_are_equal_belong_together_wherever_they_stand() -> None:
    wanted = {"items": [{"n": "A", "q": 1}, {"n": "B", "q": 2}, {"n": "C", "q": 3}]}
    assert compare(wanted, {"items": [{"q": 3, "n": "c"}, {"n": "A", "q": 1}, {"n": "B", "q": 2}]}).value == 1
    assert compare(wanted, {"items": [{"n": "B", "q": 2}, {"n": "A", "q": 9}, {"n": "C", "q": 3}]}).value == (
        pytest.approx((1 + 2 / 3) / 2)
    )
    mixed = {"items": [{"n": "A", "q": 2}, {"n": "B", "q": 1}, {"n": "C", "q": 3}]}
    assert compare(wanted, mixed).value < 1
    assert compare([1, 2], [2, 1]).value == 1
    assert compare([1], [1, None]).value == 0.5


def test_feedback_names_the_fields_that_are_wrong() -> None:
    feedback = compare(ORDER, {"id": 8, "customer": {"vip": True}, "tags": ["new", "gift"], "x": 1}).feedback
    assert feedback.startswith(
        '3 of 5 fields are wrong. id: expected 7, got 8; customer.city: missing, expected "Bonn"; '
        "x: 1 is not expected."
    )
    assert '"city" is a required property' in feedback


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        (dumps(ORDER), 1),
        (f"\n {dumps(ORDER)} \n", 1),
        (f"```json\n{dumps(ORDER)}\n```", 0),
        (f"Here it is: {dumps(ORDER)} Anything else?", 0),
        (f'I read {{"a": 1, "b": 2, "c": 3, "d": 4}} and say {dumps(ORDER)}', 0),
    ],
)
def test_what_stands_around_the_json_counts_in_an_objective_only(text: str, strict: float) -> None:
    score = compare(ORDER, text)
    assert (score.value, score.parsed) == (1, True)
    assert score.objectives == {"schema": 1, "strict": strict}
    assert ("nothing but the JSON" in score.feedback) != bool(strict)


def test_a_list_is_found_among_words_too() -> None:
    score = compare([1, {"a": 2}], 'See [1]: the list is [1, {"a": 2}].')
    assert (score.value, score.objectives["strict"]) == (1, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("The order is 7.", "no JSON"),
        ('{"id": 7, "customer": {"city": "Bo', "Unterminated string"),
        ("[" * 30_000, "cannot be read"),
        ('{"a":' * 3_000, "cannot be read"),
    ],
)
def test_an_answer_without_json_scores_nothing_and_says_why(text: str, reason: str) -> None:
    score = compare(ORDER, text)
    assert (score.value, score.parsed) == (0, False)
    assert score.objectives == {"schema": 0, "strict": 0}
    assert reason in score.feedback


def test_an_expected_answer_that_is_no_json_is_compared_as_text() -> None:
    assert compare("Yes, please!", "yes, please").value == 1
    assert compare("Yes, please!", ORDER).value == 0


def test_arguments_of_a_tool_call_are_json_too() -> None:
    call = {"function": {"name": "save", "arguments": dumps(ORDER)}}
    score = get_metric("json")(Answer(dumps(ORDER)), Answer(tool_calls=[call]))
    assert (score.value, dict(score.objectives)) == (1, {"schema": 1, "strict": 1})


def row(expected: Answer, **more: Any) -> Example:
    return Example("1", "1", "", ({"role": "user", "content": "?"},), expected, "given", **more)


async def test_without_a_schema_types_and_keys_of_the_right_answer_are_the_schema() -> None:
    for answer, valid in (
        (ORDER, True),
        ({**ORDER, "more": 1}, True),
        ({**ORDER, "id": "7"}, False),
        ({**ORDER, "tags": "new"}, False),
        ({**ORDER, "tags": [1]}, False),
        ({"id": 7, "tags": []}, False),
    ):
        score = await MetricScorer("json", get_metric("json")).score(
            row(Answer(dumps(ORDER))), Answer(dumps(answer))
        )
        assert score.objectives["schema"] == valid, answer


async def test_the_schema_of_the_tool_that_is_to_be_called_decides() -> None:
    parameters = {
        "type": "object",
        "properties": {"level": {"enum": ["low", "high"]}, "note": {"type": "string", "pattern": "^(a+)+$"}},
        "required": ["level"],
    }
    tools = ({"function": {"name": "other"}}, {"function": {"name": "set", "parameters": parameters}})
    example = row(
        Answer(tool_calls=[{"name": "set", "arguments": {"level": "low", "note": "aa"}}]), tools=tools
    )
    scorer = MetricScorer("json", get_metric("json"))
    for answer, valid in (
        ({"level": "high"}, True),
        ({"level": "medium"}, False),
        ({"note": "aaa"}, False),
        ({"level": "low", "note": "a" * 40 + "!"}, False),
    ):
        start = time.perf_counter()
        score = await scorer.score(example, Answer(dumps(answer)))
        assert score.objectives["schema"] == valid, answer
        assert time.perf_counter() - start < 5


async def test_a_schema_that_is_none_or_refers_elsewhere_is_kept_by_everything() -> None:
    for parameters in ({"type": "nonsense"}, {"$ref": "http://127.0.0.1:9/schema"}, {"required": 3}):
        tools = ({"function": {"name": "set", "parameters": parameters}},)
        example = row(Answer(tool_calls=[{"name": "set", "arguments": {"a": 1}}]), tools=tools)
        score = await MetricScorer("json", get_metric("json")).score(example, Answer('{"a": 1}'))
        assert (score.value, score.objectives["schema"]) == (1, 1)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_json, _json)
def test_any_two_values_are_compared(one: Any, other: Any) -> None:
    calls = [Answer(tool_calls=[{"name": "f", "arguments": {"x": value}}]) for value in (one, other)]
    score = get_metric("json")(*calls)
    assert 0 <= score.value <= 1
    assert get_metric("json")(calls[0], calls[0]).value == 1
    assert all(0 <= value <= 1 for value in score.objectives.values())
    assert score.feedback


@given(st.lists(_json, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_a_list_does_not_count(values: list[Any], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    calls = [Answer(tool_calls=[{"name": "f", "arguments": {"x": each}}]) for each in (values, shuffled)]
    assert get_metric("json")(*calls).value == 1


def test_numbers_beyond_all_bounds_are_compared() -> None:
    calls = [
        Answer(tool_calls=[{"name": "f", "arguments": {"x": n}}]) for n in (10**5000, -(10**5000), math.inf)
    ]
    for one in calls:
        for other in calls:
            assert 0 <= get_metric("json")(one, other).value <= 1
            assert 0 <= get_metric("action")(one, other).value <= 1


def test_large_answers_take_little_time() -> None:
    long_key = "k" * 4_000
    for answer in (
        [[n] for n in range(3_000)],
        {str(n): n for n in range(1_500)},
        {long_key: {str(n): n for n in range(1_200)}},
        [{"a": [1, 2], "b": n} for n in range(900)],
    ):
        text = dumps(answer)
        assert len(text) < 20_000
        start = time.perf_counter()
        assert compare(text, text).value == 1
        assert compare(ORDER, text).value <= 0.1
        assert time.perf_counter() - start < 10
