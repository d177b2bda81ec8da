"""What scores and tags in a trajectory document say, without their comments: those are private remarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whetstone.trajectories.ingest.feedback import REWARD, Verdict, verdicts

Record = Mapping[str, Any]


def reward_verdict(record: Record) -> Verdict | None:
    """The reward that scores give a trajectory or a call; None where none does."""
    return verdicts(_own_scores(record)).get(REWARD)


def annotated_reward(document: Record) -> Any:
    """The reward that an annotation of the whole trajectory gives, as it stands there."""
    annotation = document.get("annotation")
    return annotation.get(REWARD) if isinstance(annotation, Mapping) else None


def score_values(record: Record) -> dict[str, float]:
    """The values of a trajectory's or a call's scores by name, each that of the most trusted source."""
    return {name: verdict.value for name, verdict in verdicts(_own_scores(record)).items()}


def feedback_summary(document: Record, call: Record) -> dict[str, Any]:
    """Members of a row's metadata, present where there is something to say."""
    tags = document.get("tags")
    members = {
        "scores": score_values(call),
        "trajectory_scores": score_values(document),
        "trajectory_tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
    }
    return {name: value for name, value in members.items() if value}


def _own_scores(record: Record) -> Iterable[Record]:
    """The scores of a record itself; a trajectory also holds those of calls that have not arrived."""
    scores = record.get("scores")
    if not isinstance(scores, list):
        return []
    whole = "trajectoryId" in record
    return [
        each
        for each in scores
        if isinstance(each, Mapping) and not (whole and each.get("callId") is not None)
    ]
