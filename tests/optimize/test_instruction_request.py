from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize_world import rows
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.instructions.request import Attempt, compose, repeats_question
from whetstone.optimize.instructions.tips import draw
from whetstone.optimize.rows.examples import parse_row

ROWS = [parse_row(row) for row in rows(8)]
PROMPT = "Decide what Fern does with {{message}}."


def composed(tokens: int, *, answer: str = "STOP", prompt: str = PROMPT, attempts: int = 3) -> str:
    failures = [(row, RowResult(row.id, 0.0, feedback="wrong label", answer=answer)) for row in ROWS[:5]]
    return compose(
        goal="the right action",
        summary="Messages of a chat.",
        prompt=prompt,
        keep=["{{message}}"],
        failures=failures,
        solved=[(row, None) for row in ROWS[5:]],
        attempts=[Attempt(f"Attempt number {n}.", n / 10, 25) for n in range(attempts)],
        advice="Be concise.",
        tokens=tokens,
    )


def test_a_request_shows_everything_that_it_is_given() -> None:
    text = composed(8_000)
    for part in (
        PROMPT,
        "the right action",
        "Messages of a chat.",
        "{{message}}",
        "Be concise.",
        "wrong label",
    ):
        assert part in text
    assert all(row.text in text for row in ROWS)
    assert text.index("Attempt number 0.") < text.index("Attempt number 2."), "the best attempt stands last"


def test_what_there_is_nothing_of_is_left_out() -> None:
    text = compose(
        goal="g",
        summary="",
        prompt="p",
        keep=(),
        failures=(),
        solved=(),
        attempts=(),
        advice="a",
        tokens=4_000,
    )
    assert "The data" not in text
    assert "Earlier attempts" not in text
    assert "placeholders" not in text


@given(tokens=st.integers(900, 6_000), length=st.integers(0, 60_000), attempts=st.integers(0, 30))
def test_a_request_keeps_to_its_room_however_long_the_answers_are(
    tokens: int, length: int, attempts: int
) -> None:
    text = composed(tokens, answer="word " * (length // 5), attempts=attempts)
    assert estimate_tokens([{"role": "user", "content": text}]) <= tokens
    assert PROMPT in text


def test_a_prompt_that_fills_the_room_is_cut() -> None:
    text = composed(1_500, prompt="Do this. " * 5_000)
    assert estimate_tokens([{"role": "user", "content": text}]) <= 1_500
    assert "[…]" in text


@pytest.mark.parametrize(
    "said",
    [
        "Be concise: say nothing else.",
        "- State general rules. Do not copy passages of the cases: new ones will come.",
        composed(8_000),
    ],
)
def test_a_proposal_that_is_a_piece_of_the_request_is_known(said: str) -> None:
    assert repeats_question(said, "Be concise: say nothing else.")
    assert not repeats_question("Answer in one word, the right action.", "Be concise: say nothing else.")


@given(count=st.integers(1, 30), seed=st.integers(0, 99), failures=st.booleans(), attempts=st.booleans())
def test_every_tip_is_given_before_one_comes_twice(
    count: int, seed: int, failures: bool, attempts: bool
) -> None:
    names = [tip.name for tip in draw(count, Random(seed), failures=failures, attempts=attempts)]
    known = 7 + failures + attempts
    assert len(names) == count
    assert len(set(names)) == min(count, known)
    assert ("fresh start" in names[:3]) == (count > failures + attempts)
    assert ("rules from feedback" in names) <= failures
