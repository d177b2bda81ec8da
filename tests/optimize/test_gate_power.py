"""What a test set can find, said before the money is spent."""

from __future__ import annotations

import json
import random

import pytest
from benchmarks.gate_simulation import simulate
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from whetstone.errors import InvalidInputError
from whetstone.optimize.gate.decision import decide
from whetstone.optimize.gate.power import Foresight, foresee


def rows(count: int, group_size: int = 1) -> list[str]:
    return [str(row // group_size) for row in range(count)]


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99, 0.999])
def test_too_few_is_said_exactly_where_winning_everything_proves_nothing(confidence: float) -> None:
    for count in range(1, 14):
        won = decide([0.0] * count, [1.0] * count, rows(count), seed=1, confidence=confidence)
        foresight = foresee(rows(count), confidence)
        assert foresight.too_few == (won.decision != "promoted")
        if foresight.too_few:
            assert foresight.detectable is None
            assert "are too few" in foresight.sentence


def test_rows_of_one_group_count_once() -> None:
    alone, together = foresee(rows(60)), foresee(rows(60, 3))
    assert (together.rows, together.groups) == (60, 20)
    assert together.detectable == pytest.approx(foresee(rows(20)).detectable)
    assert alone.detectable is not None
    assert together.detectable is not None
    assert alone.detectable < together.detectable
    assert foresee(["one"] * 50).too_few
    # One giant group is hardly more than one row.
    assert foresee(["giant"] * 500 + rows(10)).detectable is None


def test_what_is_foreseen_is_what_the_gate_does() -> None:
    for gain in (0.1, 0.2):
        needed = foresee(rows(50)).needed[gain]
        assert needed is not None
        count = simulate("binary", needed, gain, 400)
        assert count.promoted / count.runs == pytest.approx(0.8, abs=0.06)


def test_the_incumbents_scores_bound_what_can_be_gained() -> None:
    nearly_perfect = foresee(rows(60), scores=[1.0] * 19 + [0.0])
    assert nearly_perfect.basis == "validation"
    assert nearly_perfect.headroom == pytest.approx(2 / 21)
    assert nearly_perfect.needed[0.2] is None
    assert "leaves about 10 points to gain" in nearly_perfect.sentence
    halfway = foresee(rows(60), scores=[1.0, 0.0] * 20)
    assert halfway.detectable == pytest.approx(foresee(rows(60)).detectable, abs=0.02)


def test_graded_scores_vary_less_and_need_fewer_rows() -> None:
    rng = random.Random(1)
    graded = foresee(rows(60), scores=[rng.uniform(0.3, 0.7) for _ in range(40)])
    binary = foresee(rows(60), scores=[1.0, 0.0] * 20)
    assert graded.detectable is not None
    assert binary.detectable is not None
    assert graded.detectable < binary.detectable


def test_the_sentence_is_for_a_person() -> None:
    assert foresee(rows(50)).sentence == (
        "50 test rows find a true gain of 21 points or more in four of five cases, if the prompts differ on 30 % of the "
        "rows. Test rows needed for +5 points: 936, +10 points: 230, +20 points: 53"
    )
    assert foresee(rows(4)).sentence == (
        "4 test rows are too few: not even winning all of them would be significant at 95 %; at least 5 independent "
        "groups are needed"
    )
    assert foresee(rows(60, 3)).sentence.startswith("60 test rows in 20 groups find a true gain of ")


def test_the_foresight_is_json() -> None:
    document = json.loads(json.dumps(foresee(rows(50)).to_dict()))
    assert document["groupsNeeded"] == {"5": 936, "10": 230, "20": 53}
    assert document["tooFew"] is False
    assert document["power"] == 0.8


def test_input_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="foresight needs test rows"):
        foresee([])
    with pytest.raises(InvalidInputError, match="foresight needs"):
        foresee(["a"], 1.0)
    with pytest.raises(InvalidInputError, match="foresight needs"):
        foresee(["a"], differing=0)


@given(
    st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=60),
    st.lists(st.floats(0, 1), max_size=20),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_rows_and_scores_have_a_foresight(
    groups: list[str], scores: list[float], confidence: float
) -> None:
    foresight: Foresight = foresee(groups, confidence, scores=scores)
    assert foresight.detectable is None or 0 < foresight.detectable <= 1
    counts = [count for count in foresight.needed.values() if count is not None]
    assert counts == sorted(counts, reverse=True)
    assert foresight.sentence
