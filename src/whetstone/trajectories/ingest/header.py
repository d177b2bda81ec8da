"""Merging what is said about a trajectory itself, so that the order of arrival does not matter.

A late start never reopens an ended trajectory and fills in only what the end left open; an annotation outranks
what the agent reported, before and after it.
"""

from __future__ import annotations

from typing import Any

from whetstone.trajectories.ingest.feedback import (
    Reward,
    annotate_tags,
    report_tags,
    reported_reward,
    settle_reward,
)
from whetstone.trajectories.input.coercion import to_label, to_number
from whetstone.trajectories.input.fragments import TrajectoryFragment
from whetstone.trajectories.input.records import AnnotationInput, EndInput, TrajectoryInput

Header = dict[str, Any]
"""Columns of `trajectories` without `key`."""

_OVERWRITTEN = ("agent_id", "source", "archetype", "trace_id", "run_id", "episode_id", "group_index")
# Column -> the members of `metadata` that it is read from when the record itself does not say (contract §4.1).
_PROMOTED = {
    "scenario_id": ("scenarioId", "scenario_id"),
    "batch_id": ("batchId", "batch_id"),
}


def new_header(trajectory_id: str, now: int) -> Header:
    """A trajectory of which nothing is known but its id."""
    return {
        "id": trajectory_id,
        "agent_id": "unknown",
        "source": "chat",
        "status": "active",
        "start_time": now,
        "start_time_given": False,
        "end_time": None,
        "duration_ms": None,
        "step_count": 0,
        "llm_call_count": 0,
        "provider_access_count": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "error_count": 0,
        "total_reward": None,
        "reward_components": {},
        "ai_judge_reward": None,
        "ai_judge_reasoning": None,
        "archetype": None,
        "is_training_data": False,
        "scenario_id": None,
        "batch_id": None,
        "run_id": None,
        "trace_id": None,
        "episode_id": None,
        "group_index": None,
        "metrics": {},
        "metadata": {},
        "annotation": {},
        "created_at": now,
        "updated_at": now,
    }


def merge_record(header: Header, record: TrajectoryInput, last_moment: int | None, now: int) -> None:
    """Fill in what `record` says; `last_moment` is the latest time among its items."""
    if isinstance(record, TrajectoryFragment):
        record = record.news_for(header)
    status = record.status or ("completed" if record.end_time else "active")
    late = status == "active" and header["status"] != "active"
    for name in (*_OVERWRITTEN, "created_at"):
        if (value := getattr(record, name)) is not None:
            header[name] = value
    if record.start_time is not None:
        header["start_time"], header["start_time_given"] = record.start_time, True
    for name in _PROMOTED:
        if (value := getattr(record, name)) is not None:
            header[name] = value
    _merge_objects(header, record.metadata, record.metrics, late=late)
    _merge_rewards(header, record, late=late)
    report_tags(header, record.tags)
    if status != "active":
        header["status"] = status
        header["end_time"] = record.end_time or header["end_time"] or last_moment or now


def merge_end(header: Header, end: EndInput, now: int) -> None:
    """End the trajectory; an end that says nothing new leaves the time of the first one."""
    repeated = header["status"] == end.status and header["end_time"] is not None
    header["end_time"] = end.end_time or (header["end_time"] if repeated else now)
    header["status"] = end.status
    _merge_objects(header, end.metadata, end.metrics, late=False)
    if end.total_reward is not None:
        settle_reward(header, reported_reward(header)._replace(total=end.total_reward))


def merge_annotation(header: Header, annotation: AnnotationInput) -> None:
    """Take over a judgement and remember it, so that a late record cannot undo it."""
    said: dict[str, Any] = {
        "reward": annotation.reward,
        "judgeScore": annotation.judge_score,
        "judgeReasoning": annotation.judge_reasoning,
        "isTrainingData": annotation.is_training_data,
        "comment": annotation.comment,
    }
    reported = reported_reward(header)
    kept = header["annotation"] | {name: value for name, value in said.items() if value is not None}
    if annotation.reward_components:
        kept["rewardComponents"] = kept.get("rewardComponents", {}) | annotation.reward_components
    header["annotation"] = kept
    annotate_tags(header, annotation.tags, annotation.add_tags, annotation.remove_tags)
    _apply_annotation(header)
    settle_reward(header, reported)


def settle_times(header: Header, moments: list[int]) -> None:
    """Infer a start that nobody gave as the earliest of `moments`, and recompute the duration."""
    if not header["start_time_given"]:
        ends = [] if header["end_time"] is None else [header["end_time"]]
        header["start_time"] = min([header["start_time"], *moments, *ends])
    if header["end_time"] is not None:
        header["duration_ms"] = max(0, header["end_time"] - header["start_time"])


def _merge_objects(
    header: Header, metadata: dict[str, Any] | None, metrics: dict[str, Any] | None, *, late: bool
) -> None:
    _merge_object(header, "metadata", metadata, late=late)
    _merge_object(header, "metrics", metrics, late=late)
    for column, names in _PROMOTED.items():
        for name in names:
            if header[column] is None and (label := to_label((metadata or {}).get(name))):
                header[column] = label
    score = to_number((metadata or {}).get("judge_score"))
    if score is not None and header["ai_judge_reward"] is None:
        header["ai_judge_reward"] = min(1.0, max(0.0, score))
        _apply_annotation(header)


def _merge_object(header: Header, column: str, incoming: dict[str, Any] | None, *, late: bool) -> None:
    if incoming:
        header[column] = incoming | header[column] if late else header[column] | incoming


def _merge_rewards(header: Header, record: TrajectoryInput, *, late: bool) -> None:
    total, components = reported_reward(header)
    said = record.reported_reward()
    if said.total is not None and not (late and total is not None):
        total = said.total
    components = said.components | components if late else components | said.components
    _import_annotation(header, record.annotated())
    settle_reward(header, Reward(total, components))
    for name in ("ai_judge_reward", "ai_judge_reasoning", "is_training_data"):
        if (value := getattr(record, name)) is not None:
            header[name] = value
    _apply_annotation(header)


def _import_annotation(header: Header, imported: dict[str, Any]) -> None:
    """Take over what annotations said elsewhere; what they said here stands."""
    if imported:
        kept = imported | header["annotation"]
        if "rewardComponents" in kept:
            kept["rewardComponents"] = imported.get("rewardComponents", {}) | kept["rewardComponents"]
        header["annotation"] = kept


def _apply_annotation(header: Header) -> None:
    said = header["annotation"]
    columns = {
        "judgeScore": "ai_judge_reward",
        "judgeReasoning": "ai_judge_reasoning",
        "isTrainingData": "is_training_data",
    }
    for name, column in columns.items():
        if name in said:
            header[column] = said[name]
