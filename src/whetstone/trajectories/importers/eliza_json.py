"""Whole trajectories as this service and Eliza write them (wire contract §4.1, §5.2), in an array or a line each."""

from __future__ import annotations

from typing import Any

from whetstone.trajectories.importers.conversation import parsed

Json = dict[str, Any]

_TELLING = frozenset({"steps", "llmCalls", "providerAccesses", "trajectoryId", "stepsJson"})
_ENVELOPE = frozenset({"agentId", "startTime", "status", "source"})


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    return bool(_TELLING & record.keys() or ("id" in record and _ENVELOPE & record.keys()))


def trajectories(record: Json) -> list[Json]:
    """The trajectory, without the figures that were computed when it was exported: they would stay for ever."""
    if "steps" not in record and "stepsJson" in record:
        record = record | {"steps": parsed(record["stepsJson"])}
    metrics = record.get("metrics")
    if not isinstance(metrics, dict):
        return [record]
    derived = {"episodeLength": record.get("stepCount"), "finalStatus": record.get("status")}
    given = {name: value for name, value in metrics.items() if name not in derived or value != derived[name]}
    return [record | {"metrics": given}]
