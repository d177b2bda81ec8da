"""LLM calls as rows of a table with a stable schema, for Parquet.

A row has the call, the step around it and the trajectory around that, under the names of the trajectory document.
Where two of them share a name, the call's stays and the other is prefixed. JSON of no fixed shape (messages, tools,
metadata) is text. What only some clients send is in `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from whetstone.trajectories.exports.columns import Columns, Kind, arrow_schema, cells, json_text

if TYPE_CHECKING:
    import pyarrow as pa

Json = dict[str, Any]

_SCORE: Columns = {
    "id": Kind.TEXT, "name": Kind.TEXT, "value": Kind.NUMBER, "label": Kind.TEXT, "comment": Kind.TEXT,
    "source": Kind.TEXT, "createdAt": Kind.TIME,
}  # fmt: skip

_CORRECTION: Columns = {"text": Kind.TEXT, "toolCalls": Kind.JSON, "source": Kind.TEXT, "comment": Kind.TEXT}

_CALL: Columns = {
    "callId": Kind.TEXT, "timestamp": Kind.TIME, "createdAt": Kind.TIME,
    "model": Kind.TEXT, "modelVersion": Kind.TEXT, "modelType": Kind.TEXT, "provider": Kind.TEXT,
    "purpose": Kind.TEXT, "actionType": Kind.TEXT, "stepType": Kind.TEXT, "tags": Kind.TEXTS,
    "systemPrompt": Kind.TEXT, "userPrompt": Kind.TEXT, "prompt": Kind.TEXT, "messages": Kind.JSON,
    "tools": Kind.JSON, "toolChoice": Kind.JSON, "response": Kind.TEXT, "toolCalls": Kind.JSON,
    "reasoning": Kind.TEXT, "finishReason": Kind.TEXT, "temperature": Kind.NUMBER, "topP": Kind.NUMBER,
    "maxTokens": Kind.COUNT, "latencyMs": Kind.NUMBER, "promptTokens": Kind.COUNT,
    "completionTokens": Kind.COUNT, "cacheReadInputTokens": Kind.COUNT,
    "cacheCreationInputTokens": Kind.COUNT, "reasoningTokens": Kind.COUNT, "tokenUsageEstimated": Kind.FLAG,
    "runId": Kind.TEXT, "roomId": Kind.TEXT, "messageId": Kind.TEXT, "executionTraceId": Kind.TEXT,
    "metadata": Kind.JSON, "correction": _CORRECTION, "scores": [_SCORE],
}  # fmt: skip

_TRAJECTORY: Columns = {
    "trajectoryId": Kind.TEXT, "agentId": Kind.TEXT, "source": Kind.TEXT, "status": Kind.TEXT,
    "startTime": Kind.TIME, "endTime": Kind.TIME, "durationMs": Kind.COUNT, "scenarioId": Kind.TEXT,
    "batchId": Kind.TEXT, "runId": Kind.TEXT, "traceId": Kind.TEXT, "episodeId": Kind.TEXT,
    "groupIndex": Kind.COUNT, "archetype": Kind.TEXT, "isTrainingData": Kind.FLAG, "totalReward": Kind.NUMBER,
    "rewardComponents": Kind.JSON, "aiJudgeReward": Kind.NUMBER, "aiJudgeReasoning": Kind.TEXT,
    "comment": Kind.TEXT, "tags": Kind.TEXTS, "scores": [_SCORE], "metrics": Kind.JSON, "metadata": Kind.JSON,
}  # fmt: skip

_STEP: Columns = {
    "stepId": Kind.TEXT, "stepNumber": Kind.COUNT, "kind": Kind.TEXT, "reward": Kind.NUMBER, "done": Kind.FLAG
}  # fmt: skip

# Names in the table of those that would not be clear or not be unique.
_OF_TRAJECTORY = {
    name: f"trajectory{name[0].upper()}{name[1:]}" for name in _TRAJECTORY.keys() & _CALL.keys()
}
_OF_STEP = {"kind": "stepKind", "reward": "stepReward", "done": "stepDone"}


def _renamed(members: Any, names: dict[str, str]) -> Json:
    return {names.get(name, name): value for name, value in members.items()}


_ROW: Columns = {
    **_renamed(_TRAJECTORY, _OF_TRAJECTORY),
    **_renamed(_STEP, _OF_STEP),
    **_CALL,
    "extra": Kind.JSON,
}


def call_schema() -> pa.Schema:
    """The schema of the rows."""
    return arrow_schema(_ROW)


def call_rows(document: Json) -> Iterator[Json]:
    """One row for each LLM call of a trajectory document, in order."""
    judged = [score for score in document.get("scores") or () if isinstance(score, dict)]
    whole = document | {"scores": [score for score in judged if not score.get("callId")]}
    around = _renamed(cells(whole, _TRAJECTORY), _OF_TRAJECTORY)
    for step in document["steps"]:
        within = around | _renamed(cells(step, _STEP), _OF_STEP)
        for call in step["llmCalls"]:
            yield within | _call(call, judged)


def _call(call: Json, judged: Iterable[Json]) -> Json:
    row = cells(call, _CALL)
    own = [*(call.get("scores") or ()), *(each for each in judged if each.get("callId") == call["callId"])]
    row["scores"] = [cells(score, _SCORE) for score in own]
    further = {name: value for name, value in call.items() if name not in _CALL and name != "stepId"}
    row["extra"] = json_text(further or None)
    return row
