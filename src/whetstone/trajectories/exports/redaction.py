"""Trajectory documents without their texts, for downloads that leave prompts out.

What stays is listed here: ids, figures, times, enumerations and the names of models, providers, tools and labels.
Everything else goes, whatever it is called: a list of what goes would miss the members that only some clients send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whetstone.clock import parse_ms
from whetstone.trajectories.input.coercion import MAX_IDENTIFIER
from whetstone.trajectories.input.records import EVENT_LISTS

Json = dict[str, Any]

_PLACEHOLDER = dict.fromkeys(("systemPrompt", "userPrompt", "response"), "[redacted]")
_FINAL_STATUSES = frozenset({"active", "completed", "terminated", "error", "timeout"})
_FIGURE_NAME = re.compile(r"[\w.:/@ -]{1,64}")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What stays of an object."""

    # Ids and labels: text of at most 512 characters, or lists of such.
    names: frozenset[str] = frozenset()
    figures: frozenset[str] = frozenset()  # numbers, booleans, null
    times: frozenset[str] = frozenset()  # milliseconds, or ISO 8601
    parts: Mapping[str, _Shape] = field(default_factory=dict)
    all_figures: bool = False  # figures under any name that can be one


def without_prompts(document: Json, *, placeholder: bool = False) -> Json:
    """A copy of a trajectory document without any text; with `placeholder`, `[redacted]` stands in its calls."""
    kept = _kept(document, _TRAJECTORY) | {"metadata": {}}
    if (status := document.get("metrics", {}).get("finalStatus")) in _FINAL_STATUSES:
        kept["metrics"]["finalStatus"] = status
    if placeholder:
        for step in kept["steps"]:
            step["llmCalls"] = [call | _PLACEHOLDER for call in step["llmCalls"]]
    return kept


def names(values: Any) -> list[str]:
    """Those of `values` that are short enough for a label."""
    return [value for value in values if _is_name(value)] if isinstance(values, list) else []


def figures(members: Json) -> Json:
    """The members of an object that are numbers or booleans, under names that are no sentences."""
    return {
        name: value
        for name, value in members.items()
        if isinstance(value, int | float) and _FIGURE_NAME.fullmatch(name)
    }


def _kept(members: Json, shape: _Shape) -> Json:
    kept: Json = {}
    for name, value in members.items():
        if name in shape.names:
            if value is None or _is_name(value):
                kept[name] = value
            elif isinstance(value, list):
                kept[name] = names(value)
        elif name in shape.parts:
            part = shape.parts[name]
            if isinstance(value, dict):
                kept[name] = _kept(value, part)
            elif isinstance(value, list):
                kept[name] = [_kept(item, part) for item in value if isinstance(item, dict)]
        elif name in shape.figures or name in shape.times:
            kept[name] = value if _is_figure(value) or (name in shape.times and _is_time(value)) else None
    return kept | (figures(members) if shape.all_figures else {})


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_IDENTIFIER


def _is_figure(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and parse_ms(value) is not None


_SCORE = _Shape(
    names=frozenset({"id", "scoreId", "callId", "name", "label", "source"}),
    figures=frozenset({"value"}),
    times=frozenset({"createdAt", "updatedAt", "timestamp"}),
)

_REWARD = _Shape(figures=frozenset({"reward"}), parts={"rewardComponents": _Shape(all_figures=True)})

_CALL = _Shape(
    names=frozenset(
        {
            "callId", "stepId", "model", "modelVersion", "modelType", "provider", "purpose", "actionType",
            "stepType", "tags", "finishReason", "runId", "roomId", "messageId", "executionTraceId",
        }
    ),
    figures=frozenset(
        {
            "temperature", "maxTokens", "topP", "latencyMs", "promptTokens", "completionTokens",
            "cacheReadInputTokens", "cacheCreationInputTokens", "reasoningTokens", "tokenUsageEstimated",
        }
    ),
    times=frozenset({"timestamp", "createdAt"}),
    parts={"scores": _SCORE},
)  # fmt: skip

_ACCESS = _Shape(
    names=frozenset({"accessId", "stepId", "providerId", "providerName", "purpose"}),
    figures=frozenset({"durationMs", "tokenCount", "position"}),
    times=frozenset({"timestamp", "startedAt", "endedAt", "createdAt"}),
)

_STEP = _Shape(
    names=frozenset({"stepId", "kind"}),
    figures=frozenset({"stepNumber", "reward", "done"}),
    times=frozenset({"timestamp"}),
    parts={
        "llmCalls": _CALL,
        "providerAccesses": _ACCESS,
        "action": _Shape(
            names=frozenset({"attemptId", "actionType"}),
            figures=frozenset({"success"}),
            times=frozenset({"timestamp"}),
        ),
    },
)

_EVENT = _Shape(
    names=frozenset(
        {"id", "type", "status", "stepId", "callId", "toolCallId", "actionName", "toolName", "cacheName"}
    ),
    figures=frozenset(
        {"success", "durationMs", "score", "passed", "hit", "tokenCount", "sizeBytes", "tokenDelta"}
    ),
    times=frozenset({"createdAt", "timestamp", "startedAt", "endedAt"}),
)

_TRAJECTORY = _Shape(
    names=frozenset(
        {
            "trajectoryId", "agentId", "roomId", "entityId", "conversationId", "source", "status", "scenarioId",
            "batchId", "runId", "traceId", "episodeId", "archetype", "tags",
        }
    ),
    figures=frozenset(
        {
            "durationMs", "stepCount", "llmCallCount", "providerAccessCount", "totalPromptTokens",
            "totalCompletionTokens", "totalTokens", "totalCacheReadInputTokens",
            "totalCacheCreationInputTokens", "errorCount", "totalReward", "aiJudgeReward", "isTrainingData",
            "groupIndex",
        }
    ),
    times=frozenset({"startTime", "endTime", "createdAt", "updatedAt"}),
    parts={
        "steps": _STEP,
        "scores": _SCORE,
        "metrics": _Shape(all_figures=True),
        **_REWARD.parts,
        **dict.fromkeys(("annotation", "reported"), _REWARD),
        **dict.fromkeys(EVENT_LISTS, _EVENT),
    },
)  # fmt: skip
