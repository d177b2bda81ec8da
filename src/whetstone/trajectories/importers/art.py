"""Transcripts with rewards: Eliza's `art` export (wire contract §5.5) and those of OpenPipe's ART trainer.

ART writes `messages_and_choices`, in which answers are choices as the API gave them, alone or in groups
(`{"trajectories": […]}`): https://github.com/OpenPipe/ART
"""

from __future__ import annotations

from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.conversation import checked_messages, conversation
from whetstone.trajectories.importers.identity import content_id

Json = dict[str, Any]

_NAMED = ("agentId", "source", "status", "scenarioId", "batchId", "groupIndex", "model")
# Computed anew from what is stored.
_COMPUTED = frozenset({"trajectoryTotals", "cacheStats"})
_OWN = frozenset({"trajectoryId", "metadata", *_NAMED, *_COMPUTED})


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    if isinstance(record.get("messages_and_choices"), list) or isinstance(record.get("trajectories"), list):
        return True
    metadata = record.get("metadata")
    ours = isinstance(metadata, dict) and ("trajectoryId" in metadata or "trajectoryTotals" in metadata)
    return isinstance(record.get("messages"), list) and (ours or "reward" in record)


def trajectories(record: Json) -> list[Json]:
    """The transcript as a trajectory, or those of a group. Raises InvalidInputError."""
    group = record.get("trajectories")
    if not isinstance(group, list):
        return [_trajectory(record)]
    if not all(isinstance(each, dict) for each in group):
        raise InvalidInputError("trajectories must be an array of objects")
    scenario = content_id("art-group", record)
    return [
        {"scenarioId": scenario} | _without_nulls(_trajectory(each)) | {"groupIndex": index}
        for index, each in enumerate(group)
    ]


def _trajectory(record: Json) -> Json:
    messages = record.get("messages_and_choices", record.get("messages"))
    if not isinstance(messages, list):
        raise InvalidInputError("messages must be an array")
    about = record.get("metadata")
    about = about if isinstance(about, dict) else {}
    inner = about.get("metadata")
    metadata = inner if isinstance(inner, dict) else {}
    metadata = {name: value for name, value in about.items() if name not in _OWN} | metadata
    if record.get("logs"):
        metadata["logs"] = record["logs"]
    metrics = record.get("metrics")
    return {
        "trajectoryId": about.get("trajectoryId") or content_id("art", record),
        "source": "art",
        "status": "completed",
        **{name: about[name] for name in _NAMED if about.get(name) is not None and name != "model"},
        "totalReward": record.get("reward"),
        "metadata": metadata,
        "metrics": _given(metrics, about) if isinstance(metrics, dict) else {},
        **conversation(
            checked_messages([_message(each) for each in messages]),
            tools=record.get("tools"),
            model=about.get("model"),
        ),
    }


def _given(metrics: Json, about: Json) -> Json:
    """Without the length that an export computes."""
    totals = about.get("trajectoryTotals")
    length = totals.get("stepCount") if isinstance(totals, dict) else None
    return {name: value for name, value in metrics.items() if name != "episodeLength" or value != length}


def _message(value: Any) -> Any:
    """A message; of a choice, its message with what the choice says of the call."""
    if not isinstance(value, dict) or not isinstance(value.get("message"), dict):
        return value
    said = {name: value[name] for name in ("finish_reason", "logprobs") if value.get(name) is not None}
    return value["message"] | said


def _without_nulls(trajectory: Json) -> Json:
    return {name: value for name, value in trajectory.items() if value is not None}
