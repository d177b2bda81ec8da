"""Scores as the service takes them."""

from __future__ import annotations

from typing import Any, Literal

ScoreSource = Literal["human", "judge", "code"]
"""Who gives a score: a person, a model, or a program."""


def score_object(
    name: str,
    value: float | None,
    label: str | None,
    comment: str | None,
    source: ScoreSource,
    call_id: str | None = None,
    score_id: str | None = None,
) -> dict[str, Any]:
    """A score with the names of the wire; what is None is left out."""
    members = {
        "name": name,
        "value": value,
        "label": label,
        "comment": comment,
        "source": source,
        "callId": call_id,
        "id": score_id,
    }
    return {key: member for key, member in members.items() if member is not None}
