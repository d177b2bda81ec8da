"""Trajectories as the list, the detail and the statistics show them (contract §3)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, StrictBool

from whetstone.api.models.base import Lenient, WireModel, wire_config

Status = Literal["active", "completed", "error", "timeout"]

LIST_RECORD: dict[str, Any] = {
    "id": "t-1",
    "agentId": "a-1",
    "roomId": None,
    "entityId": None,
    "conversationId": None,
    "source": "chat",
    "status": "completed",
    "startTime": 1760000000000,
    "endTime": 1760000001500,
    "durationMs": 1500,
    "stepCount": 1,
    "llmCallCount": 2,
    "providerAccessCount": 1,
    "totalPromptTokens": 812,
    "totalCompletionTokens": 96,
    "scenarioId": "s-1",
    "batchId": "b-1",
    "metadata": {},
    "createdAt": "2026-02-19T10:00:00.000Z",
    "updatedAt": "2026-02-19T10:00:01.500Z",
}
_CALL: dict[str, Any] = {
    "id": "c-1",
    "trajectoryId": "t-1",
    "stepId": "step-1",
    "model": "gpt-x",
    "systemPrompt": "Decide whether the agent should answer.",
    "userPrompt": "Can you help me with my invoice?",
    "response": "RESPOND",
    "temperature": 0.7,
    "maxTokens": 512,
    "purpose": "should_respond",
    "actionType": "runtime.useModel",
    "stepType": "should_respond",
    "tags": ["llm", "step:should_respond", "purpose:should_respond", "routing"],
    "latencyMs": 420,
    "promptTokens": 400,
    "completionTokens": 30,
    "timestamp": 1760000000100,
    "createdAt": "2026-02-19T10:00:00.100Z",
}
_ACCESS: dict[str, Any] = {
    "id": "p-1",
    "trajectoryId": "t-1",
    "stepId": "step-1",
    "providerName": "RECENT_MESSAGES",
    "purpose": "context",
    "data": {},
    "query": {},
    "timestamp": 1760000000050,
    "createdAt": "2026-02-19T10:00:00.050Z",
}


class TrajectoryRecord(WireModel):
    """One trajectory without its calls. Times are milliseconds since the epoch; null while it is active."""

    model_config = wire_config(LIST_RECORD)

    id: str
    agent_id: str
    room_id: str | None = None
    entity_id: str | None = None
    conversation_id: str | None = None
    source: str
    status: str
    start_time: int
    end_time: int | None
    duration_ms: float | None
    step_count: int = 0
    llm_call_count: int
    provider_access_count: int
    total_prompt_tokens: int
    total_completion_tokens: int
    scenario_id: str | None = Field(default=None, description="Absent when unset.")
    batch_id: str | None = Field(default=None, description="Absent when unset.")
    metadata: dict[str, Any]
    created_at: str
    updated_at: str


class TrajectoryList(WireModel):
    """One page, newest first. `total` counts all matches."""

    model_config = wire_config({"trajectories": [LIST_RECORD], "total": 1, "offset": 0, "limit": 50})

    trajectories: list[TrajectoryRecord]
    total: int
    offset: int
    limit: int


class LlmCall(WireModel):
    """One call of a language model."""

    model_config = wire_config(_CALL)

    id: str
    trajectory_id: str
    step_id: str
    model: str
    system_prompt: str
    user_prompt: str
    response: str
    temperature: float
    max_tokens: int
    purpose: str
    action_type: str
    step_type: str
    tags: list[str]
    latency_ms: float
    prompt_tokens: int | None = Field(default=None, description="Absent when unknown.")
    completion_tokens: int | None = Field(default=None, description="Absent when unknown.")
    timestamp: int
    created_at: str


class ProviderAccess(WireModel):
    """One look-up of the agent: memory, knowledge, world state."""

    model_config = wire_config(_ACCESS)

    id: str
    trajectory_id: str
    step_id: str
    provider_name: str
    purpose: str
    data: Any
    query: Any = None
    timestamp: int
    created_at: str


class TrajectoryDetail(WireModel):
    """A trajectory, its calls and accesses flat (each with its `stepId`) and by step.

    `events`, `contextEvents`, `toolEvents`, `evaluationEvents`, `cacheObservations`, `cacheStats` and
    `contextDiffs` are present where there is data.
    """

    model_config = wire_config(
        {"trajectory": LIST_RECORD, "llmCalls": [_CALL], "providerAccesses": [_ACCESS], "steps": []}
    )

    trajectory: TrajectoryRecord
    llm_calls: list[LlmCall]
    provider_accesses: list[ProviderAccess]
    steps: list[dict[str, Any]] = Field(default=[], description="The same, by step.")


class TrajectoryStats(WireModel):
    """Totals over all trajectories."""

    model_config = wire_config(
        {
            "totalTrajectories": 150,
            "totalSteps": 310,
            "totalLlmCalls": 402,
            "totalProviderAccesses": 77,
            "totalPromptTokens": 120000,
            "totalCompletionTokens": 9000,
            "totalCacheReadInputTokens": 0,
            "totalCacheCreationInputTokens": 0,
            "averageDurationMs": 1432.5,
            "averageReward": 0.0,
            "bySource": {"chat": 120, "discord": 30},
            "byModel": {"gpt-x": 300},
            "byStatus": {"completed": 140, "error": 10},
            "byScenario": {"s-1": 12},
        }
    )

    total_trajectories: int
    total_steps: int
    total_llm_calls: int
    total_provider_accesses: int
    total_prompt_tokens: int
    total_completion_tokens: int
    total_cache_read_input_tokens: int
    total_cache_creation_input_tokens: int
    average_duration_ms: float
    average_reward: float
    by_source: dict[str, int]
    by_model: dict[str, int]
    by_status: dict[str, int]
    by_scenario: dict[str, int]


class LoggingState(WireModel):
    """Whether trajectories are stored."""

    model_config = wire_config({"enabled": True})

    enabled: bool


class LoggingSwitch(WireModel):
    """Turn the storing of trajectories on or off; without `enabled` nothing changes."""

    model_config = wire_config({"enabled": False})

    enabled: bool | None = Field(default=None, strict=True)


class DeleteTrajectories(WireModel):
    """Which trajectories to delete: some by id, or all."""

    model_config = wire_config({"trajectoryIds": ["t-1", "t-2"]}, {"clearAll": True}, {"all": True})

    trajectory_ids: list[str] | None = None
    clear_all: Lenient[StrictBool] = None
    all: Lenient[StrictBool] = None


class Deleted(WireModel):
    """How many trajectories were really deleted."""

    model_config = wire_config({"deleted": 2})

    deleted: int
