"""How scores and tags get into datasets: as rewards of rows, as a reason to leave rows out, as figures in metadata."""

from __future__ import annotations

from typing import Any

import pytest

from dataset_documents import decide, ingest, question, reply, rows_of, trajectory
from whetstone.datasets.art import art_row
from whetstone.datasets.expected import expected_answer, reward_of
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.trajectories.input.records import AnnotationInput
from whetstone.trajectories.store import TrajectoryStore

Json = dict[str, Any]


def _scores(**values: float | None) -> Json:
    """Scores named `reward` by their source."""
    return {
        "trajectoryId": "t",
        "scores": [{"name": "reward", "value": value, "source": source} for source, value in values.items()],
    }


@pytest.mark.parametrize(
    ("document", "call", "reward"),
    [
        # On a trajectory: annotation, person, judge (a score, then its score of old), code, what was reported.
        ({**_scores(human=0, judge=0.9), "annotation": {"reward": 0.7}, "aiJudgeReward": 0.8}, {}, 0.7),
        ({**_scores(human=0, judge=0.9, code=0.1), "aiJudgeReward": 0.8, "totalReward": 0}, {}, 0),
        ({**_scores(judge=0.9, code=0.1), "aiJudgeReward": 0.8}, {}, 0.9),
        ({**_scores(code=0.1), "aiJudgeReward": 0.8, "totalReward": 0.1}, {}, 0.8),
        ({**_scores(code=0.1), "metadata": {"scenario_status": "passed"}}, {}, 0.1),
        ({**_scores(human=None), "totalReward": 0.3}, {}, 0.3),
        # Zeros that somebody meant.
        ({**_scores(human=0), "totalReward": 0, "rewardComponents": {"environmentReward": 0}}, {}, 0),
        ({"annotation": {"reward": 0}, "totalReward": 0, "rewardComponents": {"x": 0}}, {}, 0),
        # A score of a call is more specific, but only for that call.
        ({"annotation": {"reward": 1}}, {"scores": _scores(code=0.2)["scores"]}, 0.2),
        ({}, {"scores": _scores(code=0.2, human=0.6)["scores"], "reward": 0, "aiJudgeReward": 0}, 0.6),
        ({}, {"scores": [{"name": "tone", "value": 0, "source": "human"}]}, None),
        (
            {
                "trajectoryId": "t",
                "scores": [{"name": "reward", "value": 1, "source": "code", "callId": "c"}],
            },
            {},
            None,
        ),
        # Nonsense says nothing.
        ({"scores": "reward", "annotation": 1}, {"scores": [1, {"name": "reward", "value": "1"}]}, None),
        ({"scores": [{"name": "reward", "value": 1, "source": "robot"}]}, {}, None),
    ],
)
def test_the_most_trusted_reward_of_the_most_specific_level_counts(
    document: Json, call: Json, reward: float | None
) -> None:
    assert reward_of(document, {}, call) == reward


def test_a_correction_outranks_every_score() -> None:
    call = {"response": "no", "correction": {"text": "yes"}, "scores": _scores(human=0)["scores"]}
    expected = expected_answer(_scores(human=0), {}, call)
    assert (expected.text, expected.verified, expected.rejected) == ("yes", True, False)


async def test_scores_verify_and_reject_rows(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    calls = [decide(question(1)), reply(question(2), "Good."), reply(question(3), "Bad.")]
    await ingest(trajectories, [trajectory("t", calls, totalReward=0.1)])
    note = AnnotationInput.model_validate(
        {
            "scores": [
                {"name": "reward", "value": True, "source": "judge", "comment": "PRIVATE REMARK"},
                {"name": "tone", "value": 0.25},
                {"name": "reward", "value": False, "callId": "t-2", "comment": "PRIVATE REMARK"},
                {"name": "useful", "value": 1, "callId": "t-1", "label": "PRIVATE REMARK"},
            ],
            "tags": ["reviewed"],
        }
    )
    await trajectories.annotate("t", note)

    record = await datasets.build(BuildOptions())
    rows = {row["callId"]: row["metadata"] for row in rows_of(datasets, record)}
    assert sorted(rows) == ["t-0", "t-1"]
    assert record["excluded"]["rows"]["low_reward"] == 1
    assert [(row["verified"], row["reward"], row["total_reward"]) for row in rows.values()] == [
        (True, 1, 1)
    ] * 2
    assert (rows["t-1"]["scores"], rows["t-1"]["trajectory_scores"]) == (
        {"useful": 1},
        {"reward": 1, "tone": 0.25},
    )
    assert rows["t-1"]["trajectory_tags"] == ["reviewed"]
    assert "scores" not in rows["t-0"]
    assert "PRIVATE REMARK" not in str(rows_of(datasets, record))

    whole = await trajectories.get("t")
    assert whole is not None
    assert art_row(whole)["reward"] == 1
