"""Which answer a row expects, and which rewards verify or reject a recorded answer."""

from __future__ import annotations

from typing import Any

import pytest

from whetstone.datasets.expected import expected_answer, reward_of

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("document", "step", "call", "reward"),
    [
        ({}, {}, {}, None),
        ({"totalReward": None}, {"reward": None}, {}, None),
        ({"totalReward": 0.7}, {}, {}, 0.7),
        ({"totalReward": 0}, {}, {}, 0.0),
        # The most specific wins.
        ({"totalReward": 1}, {"reward": -1}, {}, -1.0),
        ({"totalReward": 1}, {"reward": -1}, {"reward": 0.9}, 0.9),
        ({"totalReward": 1}, {}, {"metadata": {"judge_score": 0.2}}, 0.2),
        ({"totalReward": 1}, {}, {"reward": 0}, 0.0),
        # On one level: judge, scenario, plain reward.
        ({"aiJudgeReward": 0.9, "metadata": {"scenario_status": "failed"}, "totalReward": 0}, {}, {}, 0.9),
        ({"metadata": {"scenario_status": "passed"}, "totalReward": 0}, {}, {}, 1.0),
        ({"metadata": {"judge_score": 7}}, {}, {}, 1.0),
        ({"metadata": {"trajectory_metadata": {"judge_score": 0.3}}}, {}, {}, 0.3),
        ({"metadata": {"judge_score": 0.6, "trajectory_metadata": {"judge_score": 0.3}}}, {}, {}, 0.6),
        # Zeros that nobody meant: sparse step rewards, and what the reference writes at capture.
        ({"totalReward": 1}, {"reward": 0}, {}, 1.0),
        ({"totalReward": 0, "rewardComponents": {"environmentReward": 0}}, {}, {}, None),
        ({"totalReward": 0, "rewardComponents": {"a": 1, "b": -1}}, {}, {}, 0.0),
        # Values that are no numbers say nothing.
        ({"totalReward": True}, {"reward": "1"}, {"reward": float("nan")}, None),
    ],
)
def test_the_most_specific_reward_counts(
    document: Json, step: Json, call: Json, reward: float | None
) -> None:
    assert reward_of(document, step, call) == reward


@pytest.mark.parametrize(
    ("reward", "correction", "text", "source", "verified", "rejected"),
    [
        (None, None, "said", "unverified", False, False),
        (0.5, None, "said", "reward", True, False),
        (0.49, None, "said", "unverified", False, True),
        (0.0, {"text": "right"}, "right", "correction", True, False),
        (1.0, "right", "right", "correction", True, False),
        (None, {"source": "someone"}, "said", "unverified", False, False),
        (None, {"text": "  "}, "said", "unverified", False, False),
        (None, 7, "said", "unverified", False, False),
    ],
)
def test_a_recorded_answer_is_gold_only_by_reward_or_correction(
    reward: float | None, correction: Any, text: str, source: str, verified: bool, rejected: bool
) -> None:
    expected = expected_answer({}, {}, {"response": " said ", "reward": reward, "correction": correction})
    assert (expected.text, expected.source, expected.verified, expected.rejected) == (
        text,
        source,
        verified,
        rejected,
    )


def test_a_correction_replaces_the_whole_answer() -> None:
    recorded = {"response": "said", "toolCalls": [{"name": "old"}]}
    by_text = expected_answer({}, {}, {**recorded, "correction": {"text": "right"}})
    assert (by_text.text, list(by_text.tool_calls)) == ("right", [])
    by_call = expected_answer({}, {}, {**recorded, "correction": {"toolCalls": [{"name": "new"}]}})
    assert (by_call.text, by_call.content) == ("", '{"toolCalls":[{"name":"new"}]}')
