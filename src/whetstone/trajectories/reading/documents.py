"""The forms in which trajectories leave the store: list records, trajectory documents, details, training rows.

A trajectory document is the full object of the wire contract §4.1: the form that exports, the privacy filter and
datasets work on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from whetstone.clock import iso
from whetstone.trajectories.ingest.feedback import tags_of
from whetstone.trajectories.ingest.scores import score_documents
from whetstone.trajectories.input.records import EVENT_LISTS
from whetstone.trajectories.reading.parts import Parts

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
    if tags := tags_of(row):
        record["tags"] = tags
    return record | _present(row, _GROUPING)


def document(row: Row, parts: Parts, scores: Iterable[Row] = ()) -> Json:
    """The trajectory document of a row of `trajectories` and what is below it.

    A call carries its own scores; those of a call that has not arrived stand with the scores of the trajectory.
    """
    record = list_record(row)
    whole: Json = {"trajectoryId": record.pop("id")} | record
    whole["rewardComponents"] = row["reward_components"]
    whole["metrics"] = {"episodeLength": row["step_count"]} | row["metrics"]
    if row["status"] != "active":
        whole["metrics"].setdefault("finalStatus", row["status"])
    whole |= _present(row, {"aiJudgeReasoning": "ai_judge_reasoning"})
    whole |= _annotated(row["annotation"])
    whole["steps"] = parts.steps
    _place_scores(whole, scores)
    return whole | {name: parts.events[name] for name in EVENT_LISTS if name in parts.events}


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


_JUDGEMENT = (
    *("rewardComponents", "metrics", "aiJudgeReasoning", "comment"),
    *("annotation", "reported", "scores"),
)
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


def _annotated(said: Json) -> Json:
    """What annotations said: the comment, their rewards, and the agent's own reward where it is outranked."""
    annotation = {name: said[name] for name in ("reward", "rewardComponents") if name in said}
    members = {
        "comment": said.get("comment"),
        "annotation": annotation or None,
        "reported": said.get("reported"),
    }
    return {name: value for name, value in members.items() if value is not None}


def _place_scores(whole: Json, scores: Iterable[Row]) -> None:
    by_call: dict[str | None, list[Row]] = {}
    for row in scores:
        by_call.setdefault(row["call_id"], []).append(row)
    if by_call:
        for step in whole["steps"]:
            for call in step["llmCalls"]:
                if own := by_call.pop(call["callId"], None):
                    call["scores"] = score_documents(own)
    if by_call:
        whole["scores"] = score_documents(row for rows in by_call.values() for row in rows)


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
