"""The forms in which trajectories leave the store: list records, trajectory documents, details, training rows.

A trajectory document is the full object of the wire contract §4.1: the form that exports, the privacy filter and
datasets work on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from whetstone.clock import iso
from whetstone.trajectories.records import EVENT_LISTS

Row = Mapping[str, Any]
Json = dict[str, Any]


def list_record(row: Row) -> Json:
    """One item of the trajectory list (contract §3.1) from a row of `trajectories`."""
    metadata = row["metadata"]
    record = {
        "id": row["id"],
        "agentId": row["agent_id"],
        "roomId": metadata.get("roomId"),
        "entityId": metadata.get("entityId"),
        "conversationId": metadata.get("conversationId"),
        "source": row["source"],
        "status": row["status"],
        "startTime": row["start_time"],
        "endTime": row["end_time"],
        "durationMs": row["duration_ms"],
        "stepCount": row["step_count"],
        "llmCallCount": row["llm_call_count"],
        "providerAccessCount": row["provider_access_count"],
        "totalPromptTokens": row["prompt_tokens"],
        "totalCompletionTokens": row["completion_tokens"],
        "totalCacheReadInputTokens": row["cache_read_input_tokens"],
        "totalCacheCreationInputTokens": row["cache_creation_input_tokens"],
        "totalReward": row["total_reward"],
        "aiJudgeReward": row["ai_judge_reward"],
        "archetype": row["archetype"],
        "isTrainingData": row["is_training_data"],
        "metadata": metadata,
        "createdAt": iso(row["created_at"]),
        "updatedAt": iso(row["updated_at"]),
    }
    return record | _present(row, _GROUPING)


def document(
    row: Row, steps: Iterable[Row], calls: Iterable[Row], accesses: Iterable[Row], events: Iterable[Row]
) -> Json:
    """The trajectory document of a row of `trajectories` and the rows below it, in any order."""
    record = list_record(row)
    whole: Json = {"trajectoryId": record.pop("id")} | record
    whole["rewardComponents"] = row["reward_components"]
    whole["metrics"] = {"episodeLength": row["step_count"]} | row["metrics"]
    if row["status"] != "active":
        whole["metrics"].setdefault("finalStatus", row["status"])
    whole |= _present(row, {"aiJudgeReasoning": "ai_judge_reasoning"})
    if "comment" in row["annotation"]:
        whole["comment"] = row["annotation"]["comment"]
    whole["steps"] = _steps(steps, calls, accesses)
    ordered = sorted(events, key=lambda event: (event["position"], event["event_id"]))
    for name in EVENT_LISTS:
        if bodies := [event["body"] for event in ordered if event["category"] == name]:
            whole[name] = bodies
    return whole


def summary(whole: Json) -> Json:
    """The list record within a trajectory document."""
    kept = {name: value for name, value in whole.items() if name not in _BEYOND_SUMMARY}
    return {"id": whole["trajectoryId"]} | kept


def detail(whole: Json) -> Json:
    """The answer to a request for one trajectory (contract §3.2): flat lists beside the steps."""
    identifier = whole["trajectoryId"]
    judged = {name: whole[name] for name in _JUDGEMENT if name in whole}
    answer: Json = {
        "trajectory": summary(whole) | judged,
        "llmCalls": [
            _flat(call, identifier, call["callId"]) for step in whole["steps"] for call in step["llmCalls"]
        ],
        "providerAccesses": [
            _flat(access, identifier, access["accessId"])
            for step in whole["steps"]
            for access in step["providerAccesses"]
        ],
        "steps": whole["steps"],
    }
    answer |= {name: whole[name] for name in EVENT_LISTS if name in whole}
    if observations := whole.get("cacheObservations"):
        answer["cacheStats"] = _cache_stats(observations)
    return answer


def training_row(record: Json) -> Json:
    """One row of the training trajectory list (contract §6.2), from a list record or a trajectory document.

    `totalReward` is null when nobody rewarded the trajectory.
    """
    row = summary(record) if "trajectoryId" in record else record
    return row | {
        "trajectoryId": row["id"],
        "episodeLength": record["stepCount"],
        "hasLlmCalls": record["llmCallCount"] > 0,
    }


def training_detail(whole: Json) -> Json:
    """The training view of one trajectory document (contract §6.3): its row and its steps as JSON text."""
    return training_row(whole) | {
        "stepsJson": orjson.dumps(whole["steps"]).decode(),
        "aiJudgeReasoning": whole.get("aiJudgeReasoning"),
    }


_JUDGEMENT = ("rewardComponents", "metrics", "aiJudgeReasoning", "comment")
_BEYOND_SUMMARY = frozenset({"trajectoryId", "steps", *_JUDGEMENT, *EVENT_LISTS})
_GROUPING = {
    "scenarioId": "scenario_id",
    "batchId": "batch_id",
    "runId": "run_id",
    "traceId": "trace_id",
    "episodeId": "episode_id",
    "groupIndex": "group_index",
}


def _present(row: Row, names: Mapping[str, str]) -> Json:
    return {name: row[column] for name, column in names.items() if row[column] is not None}


def _steps(steps: Iterable[Row], calls: Iterable[Row], accesses: Iterable[Row]) -> list[Json]:
    ordered = sorted(steps, key=lambda step: (step["timestamp"], step["position"] or 0, step["step_id"]))
    documents = {}
    for index, row in enumerate(ordered):
        documents[row["key"]] = row["extra"] | {
            "stepId": row["step_id"],
            "stepNumber": index if row["position"] is None else row["position"],
            "timestamp": row["timestamp"],
            "kind": row["kind"],
            **_present(row, {"reward": "reward", "done": "done"}),
            "llmCalls": [],
            "providerAccesses": [],
        }
    for row in sorted(calls, key=lambda call: (call["timestamp"], call["position"], call["call_id"])):
        step = documents[row["step_key"]]
        step["llmCalls"].append(_call(row, step["stepId"]))
    for row in sorted(accesses, key=lambda item: (item["timestamp"], item["position"], item["access_id"])):
        step = documents[row["step_key"]]
        step["providerAccesses"].append(_access(row, step["stepId"]))
    return list(documents.values())


def _call(row: Row, step_id: str) -> Json:
    return {
        **row["extra"],
        "callId": row["call_id"],
        "stepId": step_id,
        "timestamp": row["timestamp"],
        "model": row["model"],
        "systemPrompt": row["system_prompt"],
        "userPrompt": row["user_prompt"],
        "response": row["response"],
        "temperature": row["temperature"],
        "maxTokens": row["max_tokens"],
        "purpose": row["purpose"],
        "actionType": row["action_type"],
        "stepType": row["step_type"],
        "tags": row["tags"],
        "latencyMs": row["latency_ms"],
        "createdAt": iso(row["created_at"]),
        **_present(row, _OPTIONAL_CALL),
    }


_OPTIONAL_CALL = {
    "modelType": "model_type",
    "provider": "provider",
    "messages": "messages",
    "tools": "tools",
    "toolCalls": "tool_calls",
    "reasoning": "reasoning",
    "correction": "correction",
    "topP": "top_p",
    "promptTokens": "prompt_tokens",
    "completionTokens": "completion_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheCreationInputTokens": "cache_creation_input_tokens",
    "reasoningTokens": "reasoning_tokens",
    "finishReason": "finish_reason",
}


def _access(row: Row, step_id: str) -> Json:
    return {
        **row["extra"],
        "accessId": row["access_id"],
        "stepId": step_id,
        "providerName": row["provider_name"],
        "purpose": row["purpose"],
        "timestamp": row["timestamp"],
        "data": row["data"],
        "createdAt": iso(row["created_at"]),
        **_present(row, {"query": "query"}),
    }


def _flat(item: Json, trajectory_id: str, identifier: str) -> Json:
    return {"id": identifier, "trajectoryId": trajectory_id} | item


def _cache_stats(observations: list[Any]) -> Json:
    bodies = [body for body in observations if isinstance(body, dict)]
    hits = sum(body.get("hit") is True for body in bodies)
    misses = sum(body.get("hit") is False for body in bodies)
    total = hits + misses
    stats: Json = {"hits": hits, "misses": misses, "total": total, "hitRate": hits / total if total else 0}
    for name in ("tokenCount", "sizeBytes"):
        sizes = [body[name] for body in bodies if isinstance(body.get(name), (int, float))]
        if sizes:
            stats[name] = sum(sizes)
    return stats
