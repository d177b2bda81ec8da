"""`eliza_native_v1` rows (wire contract §10.3): one LLM call each, put together again by trajectory.

A row carries the expected answer, not always the recorded one: where it was a correction, both are that. Numbers of
tokens that a row gives as 0 are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.conversation import checked_messages, text_of
from whetstone.trajectories.importers.identity import content_id

Json = dict[str, Any]

FORMAT = "eliza_native_v1"

_SAME = (
    "callId",
    "timestamp",
    "purpose",
    "actionType",
    "stepType",
    "tags",
    "model",
    "modelVersion",
    "modelType",
)
_OF_THE_TRAJECTORY = ("agentId", "source", "status", "scenarioId", "batchId")
_REQUEST = ("tools", "toolChoice", "output", "responseSchema", "providerOptions")
_SETTINGS = {"temperature": "temperature", "maxTokens": "maxOutputTokens", "topP": "topP"}
_USAGE = (
    *("promptTokens", "completionTokens", "cacheReadInputTokens", "cacheCreationInputTokens"),
    "reasoningTokens",
)
_SOURCES = {
    "runId": "source_run_id",
    "roomId": "source_room_id",
    "messageId": "source_message_id",
    "executionTraceId": "source_execution_trace_id",
}


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    return record.get("format") == FORMAT or (
        isinstance(record.get("request"), dict) and isinstance(record.get("response"), dict)
    )


def trajectories(record: Json) -> list[Json]:
    """A trajectory with the one call of the row. Raises InvalidInputError."""
    known = record.get("format", FORMAT)
    if known != FORMAT:
        raise InvalidInputError(f"format must be {FORMAT}, not {str(known)[:40]}")
    for name in ("request", "response"):
        if not isinstance(record.get(name), dict):
            raise InvalidInputError(f"{name} must be an object")
    metadata = _object(record.get("metadata"))
    about = dict(_object(metadata.get("trajectory_metadata")))
    trajectory: Json = {
        "trajectoryId": record.get("trajectoryId") or content_id("native", record),
        **{name: record.get(name) for name in _OF_THE_TRAJECTORY},
        "archetype": about.pop("archetype", None),
        "totalReward": metadata.get("total_reward"),
        "aiJudgeReward": metadata.get("ai_judge_reward"),
        "metadata": about,
        "tags": metadata.get("trajectory_tags"),
        "scores": _scores(metadata.get("trajectory_scores")),
    }
    step_index = record.get("stepIndex")
    step = {
        "stepId": record.get("stepId") or f"step-{step_index or 0}",
        "stepNumber": step_index,
        "llmCalls": [_call(record, metadata)],
    }
    return [trajectory | {"steps": [step]}]


def merge(trajectory: Json, addition: Json) -> Json:
    """The trajectory with the call of a further row."""
    [step] = addition["steps"]
    for known in trajectory["steps"]:
        if known["stepId"] == step["stepId"]:
            known["llmCalls"] += step["llmCalls"]
            return trajectory
    trajectory["steps"].append(step)
    return trajectory


def _call(row: Json, metadata: Mapping[str, Any]) -> Json:
    request, response = row["request"], row["response"]
    settings, usage = _object(request.get("settings")), _object(response.get("usage"))
    call: Json = {name: row.get(name) for name in _SAME} | {"provider": row.get("provider")}
    call |= {name: request[name] for name in _REQUEST if request.get(name)}
    call |= {name: settings.get(theirs) for name, theirs in _SETTINGS.items()}
    call |= {name: usage[name] for name in _USAGE if usage.get(name)}
    call |= {name: metadata.get(theirs) for name, theirs in _SOURCES.items()}
    call["systemPrompt"] = request.get("system")
    if "messages" in request:
        messages = checked_messages(request["messages"])
        call["messages"] = messages
        call["userPrompt"] = next(
            (text_of(each.get("content")) for each in reversed(messages) if each["role"] == "user"), ""
        )
        if call["systemPrompt"] is None and messages and messages[0]["role"] == "system":
            call["systemPrompt"] = text_of(messages[0].get("content"))
    else:
        call["userPrompt"] = request.get("prompt")
    call["response"] = response.get("text")
    call["finishReason"] = response.get("finishReason")
    if response.get("toolCalls"):
        call["toolCalls"] = response["toolCalls"]
    if metadata.get("expected_from") == "correction":
        call["correction"] = {"text": response.get("text"), "toolCalls": response.get("toolCalls")}
    call["scores"] = _scores(metadata.get("scores"))
    if (reward := metadata.get("reward")) is not None and reward != _said_by_the_trajectory(metadata):
        call["reward"] = reward
    return {name: value for name, value in call.items() if value is not None}


def _scores(values: Any) -> list[Json]:
    """Scores by name; a row does not say who gave them, so they count as the least trusted."""
    return [{"name": name, "value": value, "source": "code"} for name, value in _object(values).items()]


def _said_by_the_trajectory(metadata: Mapping[str, Any]) -> Any:
    judged = metadata.get("ai_judge_reward")
    return metadata.get("total_reward") if judged is None else judged


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
