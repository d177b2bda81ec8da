"""What holds for every metric, and the registry through which tasks name them."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.datasets.tasks import get_task, task_names
from whetstone.errors import InvalidInputError
from whetstone.optimize.metrics import Answer, Score, get_metric, metric_names, register_metric

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = ["action", "actionName", "name", "type", "actions", "parameters", "arguments", "toolCalls"]
_KEYS += ["messageHandler", "contexts", "primaryContext", "function", "x"]
_objects = st.dictionaries(st.sampled_from(_KEYS), _values, max_size=4)
_json_texts = _objects.map(
    lambda value: orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
)
_fragments = st.sampled_from(
    [
        "{",
        "}",
        '"action":',
        '"RESPOND"',
        "```json\n",
        "```",
        "action: ",
        "<action>",
        "</action>",
        "[",
        "]",
        ",",
        "\n",
    ]
)
_texts = st.text(max_size=40) | st.lists(_fragments | st.text(max_size=5), max_size=12).map("".join)


@st.composite
def _answers(draw: st.DrawFn) -> Answer:
    kind = draw(st.sampled_from(["text", "json", "calls"]))
    if kind == "text":
        return Answer(draw(_texts))
    if kind == "json":
        try:
            return Answer(draw(_texts) + draw(_json_texts) + draw(_texts))
        except TypeError:  # an integer that JSON cannot hold
            return Answer("{}")
    return Answer(draw(_texts), draw(st.lists(_objects, max_size=2)))


@pytest.mark.parametrize("name", ["decision", "routing", "action", "text"])
@given(expected=_answers(), given_answer=_answers())
def test_every_metric_is_bounded_deterministic_and_finds_an_answer_equal_to_itself(
    name: str, expected: Answer, given_answer: Answer
) -> None:
    metric = get_metric(name)
    score = metric(expected, given_answer)
    assert 0 <= score.value <= 1
    assert score.feedback
    assert len(score.feedback) < 3000
    assert metric(expected, given_answer) == score
    assert metric(expected, expected).value == 1


def test_every_task_names_a_metric_that_exists() -> None:
    for task in task_names():
        assert callable(get_metric(get_task(task).metric))


def test_a_user_can_add_a_metric_but_not_replace_one() -> None:
    def always_half(_expected: Answer, _given: Answer) -> Score:
        return Score(0.5, "half")

    name = f"half-{uuid.uuid4().hex}"  # the registry lives as long as the process
    register_metric(name, always_half)
    assert get_metric(name)(Answer("a"), Answer("b")).value == 0.5
    assert name in metric_names()
    with pytest.raises(ValueError, match="registered already"):
        register_metric("text", always_half)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"known are action, decision, .*routing, text"):
        get_metric("bleu")


def test_a_default_answer_is_empty() -> None:
    value: Any = Answer()
    assert (value.text, tuple(value.tool_calls)) == ("", ())
