"""Scores of trajectories and calls, and annotations as they are sent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config

SCORE: dict[str, Any] = {
    "id": "score-1f2e3d4c5b6a798801234567",
    "name": "reward",
    "value": 1,
    "comment": "The answer helped.",
    "source": "human",
    "createdAt": "2026-02-19T10:05:00.000Z",
}
ANNOTATION_EXAMPLES: list[dict[str, Any]] = [
    {"reward": 1, "corrections": [{"callId": "c-1", "correction": "IGNORE"}]},
    {
        "scores": [
            {"name": "reward", "value": 1, "comment": "The answer helped."},
            {"name": "tone", "value": 0.8, "source": "judge"},
            {"name": "reward", "value": False, "source": "code", "callId": "c-1"},
        ],
        "addTags": ["reviewed"],
    },
    {"name": "reward", "value": None},
]


class Score(WireModel):
    """One judgement of a trajectory or of a call. The score named `reward` is the reward itself."""

    model_config = wire_config(SCORE)

    id: str
    name: str
    value: float | None = Field(description="Null where there is only a label or a comment.")
    label: str | None = Field(default=None, description="Absent when unset.")
    comment: str | None = Field(default=None, description="Absent when unset.")
    source: Literal["human", "judge", "code"]
    call_id: str | None = Field(default=None, description="Absent on scores of the whole trajectory.")
    created_at: str
