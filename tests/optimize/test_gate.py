"""The promotion gate: verdicts, evidence, explanations."""

from __future__ import annotations

import json
import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from whetstone.errors import InvalidInputError
from whetstone.optimize.gate.decision import GateDecision, decide


def judge(
    wins: int, losses: int, ties: int, *, groups: list[str] | None = None, confidence: float = 0.95
) -> GateDecision:
    """The verdict on that many rows won, lost and tied by the candidate."""
    incumbent = [0.0] * wins + [1.0] * losses + [1.0] * ties
    candidate = [1.0] * wins + [0.0] * losses + [1.0] * ties
    names = groups or [str(row) for row in range(len(incumbent))]
    return decide(incumbent, candidate, names, seed=7, confidence=confidence, resamples=4000)


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "decision"),
    [
        (12, 0, 28, "promoted"),
        (5, 0, 15, "promoted"),
        (4, 0, 16, "inconclusive"),
        (6, 4, 30, "inconclusive"),
        (0, 0, 40, "inconclusive"),
        (1, 0, 0, "inconclusive"),
        (0, 12, 28, "rejected"),
        (30, 10, 100, "promoted"),
    ],
)
def test_the_verdict_follows_the_evidence(wins: int, losses: int, ties: int, decision: str) -> None:
    verdict = judge(wins, losses, ties)
    assert verdict.decision == decision
    assert (verdict.wins, verdict.losses, verdict.ties) == (wins, losses, ties)
    n = wins + losses + ties
    assert (verdict.n, verdict.groups) == (n, n)
    assert verdict.delta == pytest.approx((wins - losses) / n)
    assert verdict.candidate_mean - verdict.incumbent_mean == pytest.approx(verdict.delta)


def test_the_interval_agrees_with_the_verdict_and_is_mirrored_when_the_prompts_are_swapped() -> None:
    better, worse = judge(12, 2, 30), judge(2, 12, 30)
    assert 0 < better.interval[0] < better.delta < better.interval[1]
    assert worse.interval[1] < 0
    assert worse.interval == pytest.approx([-better.interval[1], -better.interval[0]], abs=0.03)
    assert worse.sign_p == pytest.approx(better.sign_p)


def test_the_sign_test_is_the_binomial_one_for_right_and_wrong_answers() -> None:
    # Two-sided mid-p of 9 wins and 1 loss: 2 * (1 + 10/2) / 1024.
    assert judge(9, 1, 20).sign_p == pytest.approx(2 * 6 / 1024)
    below = sum(math.comb(26, k) for k in range(6)) + math.comb(26, 6) / 2
    assert judge(20, 6, 10).sign_p == pytest.approx(2 * below / 2**26)


def test_graded_scores_are_judged_like_the_equivalent_right_and_wrong_ones() -> None:
    rng = random.Random(2)
    gains = [rng.uniform(0.2, 0.3) for _ in range(18)] + [-rng.uniform(0.2, 0.3) for _ in range(4)]
    graded = decide([0.5] * 22, [0.5 + gain for gain in gains], [str(row) for row in range(22)], seed=1)
    assert graded.sign_p == pytest.approx(judge(18, 4, 0).sign_p, abs=0.003)
    assert graded.decision == "promoted"


def test_rows_of_one_group_count_once() -> None:
    alone = judge(10, 0, 10)
    together = judge(10, 0, 10, groups=["one"] * 10 + [str(row) for row in range(10)])
    assert alone.decision == "promoted"
    assert together.decision == "inconclusive"
    assert (together.n, together.groups) == (20, 11)
    assert "20 test rows in 11 groups" in together.explanation


def test_a_higher_confidence_is_harder_to_reach() -> None:
    assert judge(6, 0, 20, confidence=0.9).decision == "promoted"
    assert judge(6, 0, 20, confidence=0.999).decision == "inconclusive"


def test_an_open_verdict_says_how_many_rows_would_settle_it() -> None:
    verdict = judge(4, 3, 28)
    assert verdict.rows_needed is not None
    # With this ratio of wins and losses, that many rows do settle it most of the time.
    factor = round(verdict.rows_needed / verdict.n)
    assert judge(4 * factor, 3 * factor, 28 * factor).decision == "promoted"
    assert judge(4, 0, 0).rows_needed == 5
    assert judge(0, 0, 30).rows_needed is None
    assert judge(20, 0, 0).rows_needed is None


def test_the_explanation_is_one_plain_sentence() -> None:
    assert judge(20, 0, 0).explanation == "promoted: +1.00 on 20 test rows, 95 % interval +0.66..+1.00"
    assert judge(0, 20, 20).explanation.startswith("rejected: -0.50 on 40 test rows, 95 % interval -0.6")
    kept = judge(4, 3, 28)
    assert kept.rows_needed is not None
    assert kept.explanation.startswith("kept: +0.03 on 35 test rows, 95 % interval -0.")
    assert kept.explanation.endswith(
        f"; about {kept.rows_needed} rows would settle it ({kept.rows_needed - 35} more)"
    )
    assert judge(0, 0, 3).explanation.endswith("; no difference to be seen")


def test_an_open_verdict_on_groups_says_how_many_groups_would_settle_it() -> None:
    kept = judge(4, 2, 34, groups=[str(row // 2) for row in range(40)])
    assert (kept.n, kept.groups) == (40, 20)
    assert kept.rows_needed is not None
    assert kept.groups_needed is not None
    assert kept.groups_needed == pytest.approx(kept.rows_needed / 2, abs=1)
    assert f"about {kept.rows_needed} rows in {kept.groups_needed} groups would settle it" in kept.explanation


def test_rows_that_show_no_difference_prove_no_equality() -> None:
    few, many = judge(0, 0, 10), judge(0, 0, 200)
    for verdict in (few, many):
        low, high = verdict.interval
        assert low == pytest.approx(-high)
        # What a candidate may lose that loses none of n rows once in forty times: 1 - 0.025 ** (1 / n).
        assert high == pytest.approx(1 - 0.025 ** (1 / verdict.n), rel=0.02)
    assert few.decision == many.decision == "inconclusive"


def shorter(wins: int, losses: int, ties: int, margin: float, tokens: tuple[int, int]) -> GateDecision:
    """The verdict on a candidate of another length, with an equivalence margin."""
    incumbent = [0.0] * wins + [1.0] * losses + [1.0] * ties
    candidate = [1.0] * wins + [0.0] * losses + [1.0] * ties
    rows = [str(row) for row in range(len(incumbent))]
    return decide(incumbent, candidate, rows, seed=7, tokens=tokens, equivalence_margin=margin)


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "margin", "tokens", "decision"),
    [
        (0, 0, 80, 0.05, (200, 100), "equivalent_shorter"),
        (
            0,
            0,
            60,
            0.05,
            (200, 100),
            "inconclusive",
        ),  # a loss of 5 points shows nothing on 60 rows 5 % of the time
        (0, 0, 80, 0.05, (200, 180), "equivalent_shorter"),
        (0, 0, 80, 0.05, (200, 181), "inconclusive"),  # not a tenth shorter
        (0, 0, 80, 0.05, (100, 200), "inconclusive"),
        (10, 10, 180, 0.1, (200, 100), "equivalent_shorter"),
        (10, 10, 180, 0.02, (200, 100), "inconclusive"),
        (12, 0, 28, 0.05, (200, 100), "promoted"),
        (12, 0, 28, 0.05, (100, 200), "promoted"),
        (0, 30, 70, 0.1, (200, 100), "rejected"),
    ],
)
def test_a_shorter_prompt_is_promoted_where_it_is_surely_not_worse_than_the_margin(
    wins: int, losses: int, ties: int, margin: float, tokens: tuple[int, int], decision: str
) -> None:
    verdict = shorter(wins, losses, ties, margin, tokens)
    assert verdict.decision == decision
    assert verdict.promote == (decision in ("promoted", "equivalent_shorter"))
    assert verdict.to_dict()["promote"] == verdict.promote
    if decision == "equivalent_shorter":
        assert verdict.interval[0] > -margin
        assert verdict.explanation.startswith(
            f"promoted as shorter ({tokens[1]} instead of {tokens[0]} tokens) and not worse by more than {margin:g}: "
        )


def test_without_a_margin_a_shorter_prompt_gets_no_favour() -> None:
    scores, rows = [1.0] * 300, [str(row) for row in range(300)]
    assert decide(scores, scores, rows, seed=1, tokens=(500, 10)).decision == "inconclusive"


def test_an_open_equivalence_says_how_many_rows_would_settle_it() -> None:
    few = shorter(0, 0, 40, 0.05, (200, 100))
    assert few.rows_needed is not None
    assert shorter(0, 0, few.rows_needed, 0.05, (200, 100)).decision == "equivalent_shorter"


@pytest.mark.parametrize(("margin", "tokens"), [(0.0, (2, 1)), (1.0, (2, 1)), (-0.1, (2, 1)), (0.1, None)])
def test_a_margin_that_makes_no_sense_is_refused(margin: float, tokens: tuple[int, int] | None) -> None:
    with pytest.raises(InvalidInputError, match="margin"):
        decide([0.0], [1.0], ["a"], seed=1, tokens=tokens, equivalence_margin=margin)


def test_the_decision_is_written_into_the_artifact_under_elizas_keys() -> None:
    document = json.loads(json.dumps(judge(12, 0, 28).to_dict()))
    assert document["promote"] is True
    assert document["decision"] == "promoted"
    assert document["incumbentMeanScore"] == pytest.approx(28 / 40)
    assert document["candidateScore"] == 1
    assert document["reason"].startswith("promoted: +0.30")
    assert document["interval"][0] > 0


@pytest.mark.parametrize(
    ("incumbent", "candidate", "groups", "message"),
    [
        ([], [], [], "no test rows"),
        ([1.0], [1.0, 0.0], ["a"], "same rows: 1 of the incumbent, 2 of the candidate, 1 groups"),
        ([1.0], [1.0], [], "same rows"),
        ([float("nan")], [1.0], ["a"], "finite"),
        ([1.0], [float("inf")], ["a"], "finite"),
    ],
)
def test_input_that_cannot_be_compared_is_refused(
    incumbent: list[float], candidate: list[float], groups: list[str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        decide(incumbent, candidate, groups, seed=1)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="confidence"):
        decide([0.0], [1.0], ["a"], seed=1, confidence=1.0)
    with pytest.raises(InvalidInputError, match="resamples"):
        decide([0.0], [1.0], ["a"], seed=1, resamples=1)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from("abcdefghij")), min_size=1, max_size=30
    )
)
@hypothesis_settings(max_examples=50, deadline=None)
def test_the_evidence_is_consistent_for_any_scores(rows: list[tuple[float, float, str]]) -> None:
    incumbent, candidate, groups = (list(column) for column in zip(*rows, strict=True))
    verdict = decide(incumbent, candidate, groups, seed=3, resamples=500)
    low, high = verdict.interval
    assert low <= high
    assert verdict.wins + verdict.losses + verdict.ties == verdict.n == len(rows)
    assert 0 < verdict.sign_p <= 1
    assert (verdict.decision == "promoted") == (low > 1e-9)
    assert (verdict.decision == "rejected") == (high < -1e-9)
    assert verdict.rows_needed is None or verdict.rows_needed > verdict.n
    assert decide(incumbent, candidate, groups, seed=3, resamples=500) == verdict


def test_three_hundred_rows_take_little_time() -> None:
    rng = random.Random(1)
    incumbent, candidate = ([rng.random() for _ in range(300)] for _ in range(2))
    groups = [str(row % 250) for row in range(300)]
    start = time.perf_counter()
    decide(incumbent, candidate, groups, seed=1)
    assert time.perf_counter() - start < 10  # measured: 0.2 s; the rest is for a busy machine
