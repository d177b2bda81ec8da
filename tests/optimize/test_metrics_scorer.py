"""Scoring through `MetricScorer`: whatever a user's metric does is a score, or an error of the row."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import WhetstoneError
from whetstone.optimize.metrics import Answer, MetricError, Score, get_metric
from whetstone.optimize.metrics.coercion import as_score
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.rows.examples import Example

ROW = Example("row-1", "g", "", ({"role": "user", "content": "How many?"},), Answer("seven"), "given")


def gives(result: Any) -> MetricScorer:
    """A scorer of a metric that always gives `result`."""
    return MetricScorer("mine", lambda _expected, _given: result)


class Floats:
    """A number of somebody else's making, as numpy's are."""

    def __float__(self) -> float:
        return 0.25


@pytest.mark.parametrize(
    ("result", "value"),
    [(0.5, 0.5), (1, 1), (True, 1), (False, 0), (Floats(), 0.25), ({"score": 0.5}, 0.5), (Score(1, ""), 1)],
)
async def test_a_number_a_mapping_and_a_score_are_scores(result: Any, value: float) -> None:
    score = await gives(result).score(ROW, Answer("six"))
    assert score.value == value
    assert type(score.value) is float
    assert score.feedback == f"Scored {value:.2f}. Expected “seven”, got “six”."


async def test_feedback_and_objectives_of_a_mapping_are_kept() -> None:
    score = await gives({"score": 0, "feedback": "too low", "objectives": {"short": True}}).score(
        ROW, Answer("six")
    )
    assert score == Score(0.0, "too low", True, {"short": 1.0})
    unusual: Any = None
    assert (await gives(Score(0.5, unusual, objectives={"a": 0})).score(ROW, Answer("six"))).feedback


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "no number but NoneType"),
        ("0.5", "no number but str"),
        (float("nan"), "nan, not a number from 0 to 1"),
        (float("inf"), "not a number from 0 to 1"),
        (1.5, "1.5, not a number from 0 to 1"),
        (-0.01, "not a number from 0 to 1"),
        (Score(2, "x"), "not a number from 0 to 1"),
        ({"score": 0.5, "objectives": {"short": 7}}, "objective short is 7.0"),
        ({"score": 0.5, "objectives": [1]}, "not a mapping"),
        ({"value": 0.5}, "unknown key 'value'"),
        ({"feedback": "x"}, "no key 'score'"),
        ([0.5], "no number but list"),
        (1j, "no number"),
    ],
)
async def test_anything_else_is_an_error_of_the_row_and_not_a_low_score(result: Any, reason: str) -> None:
    with pytest.raises(MetricError, match="The metric mine failed") as raised:
        await gives(result).score(ROW, Answer("six"))
    assert reason in raised.value.message
    assert isinstance(raised.value, WhetstoneError)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("division by zero"), RecursionError("deep"), SystemExit(3)]
)
async def test_a_metric_that_raises_never_ends_a_job(error: BaseException) -> None:
    def raises(_expected: Answer, _given: Answer) -> float:
        raise error

    with pytest.raises(MetricError, match=f"mine failed: {type(error).__name__}: "):
        await MetricScorer("mine", raises).score(ROW, Answer("six"))


async def test_a_metric_may_ask_for_the_row() -> None:
    def by_id(_expected: Answer, _given: Answer, *, example: Example) -> float:
        return float(example.id == "row-1")

    def by_keywords(_expected: Answer, _given: Answer, **more: Any) -> float:
        return float(more["example"].text == "How many?")

    for metric in (by_id, by_keywords):
        assert (await MetricScorer("mine", metric).score(ROW, Answer("six"))).value == 1


async def test_a_slow_metric_does_not_hold_up_the_others() -> None:
    def slow(_expected: Answer, _given: Answer) -> float:
        time.sleep(0.2)
        return 1.0

    scorer = MetricScorer("mine", slow)
    await scorer.score(ROW, Answer("six"))
    waiting = asyncio.gather(*(scorer.score(ROW, Answer("six")) for _ in range(3)))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert [score.value for score in await waiting] == [1, 1, 1]
    assert turns > 5  # the loop had its turns meanwhile; held up it would have one or two


def fastest(call: Callable[[], object], times: int = 300) -> float:
    """Seconds of the fastest of many calls, which no other process has held up."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


@pytest.mark.parametrize(
    ("name", "expected", "answer"),
    [
        (
            "decision",
            '{"action":"RESPOND","contexts":["general"]}',
            '{"action":"IGNORE","contexts":["general"]}',
        ),
        (
            "routing",
            '{"action":"RESPOND","contexts":["general"]}',
            '{"action":"IGNORE","contexts":["general"]}',
        ),
        ("action", '{"action":"ORDER","parameters":{"id":7}}', '{"action":"ORDER","parameters":{"id":8}}'),
        (
            "json",
            '{"urgency":"high","flags":{"a":true,"b":false}}',
            '{"urgency":"low","flags":{"a":true,"b":true}}',
        ),
        ("exact", "card arrival", "card_arrival"),
    ],
)
def test_a_call_takes_less_than_100_microseconds(name: str, expected: str, answer: str) -> None:
    example = Example("1", "1", "", ROW.messages, Answer(expected), "given")
    scorer, given_answer = MetricScorer(name, get_metric(name)), Answer(answer)
    assert fastest(lambda: scorer.score_now(example, given_answer)) < 100e-6


_wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["score", "feedback", "objectives", "parsed", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(_wild)
def test_whatever_a_metric_gives_is_a_score_or_a_metric_error(result: Any) -> None:
    try:
        score = as_score("mine", result)
    except MetricError:
        return
    assert 0 <= score.value <= 1
    assert isinstance(score.feedback, str)
    assert all(0 <= value <= 1 for value in score.objectives.values())


def test_integers_too_long_for_a_float_are_refused() -> None:
    with pytest.raises(MetricError, match="no number"):
        as_score("mine", 10**400)
    assert sys.float_info.max < 10**400
