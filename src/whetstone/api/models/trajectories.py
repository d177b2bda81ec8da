"""Trajectories as the list, the detail and the statistics show them (contract §3)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config
from whetstone.api.models.feedback import Score

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
_LISTED = LIST_RECORD | {
    "totalTokens": 908,
    "errorCount": 0,
    "models": ["gpt-x"],
    "tasks": ["should_respond"],
    "tags": [],
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
    tags: list[str] = Field(default=[], description="Absent when there are none.")
    metadata: dict[str, Any]
    created_at: str
    updated_at: str


class Snippet(WireModel):
    """Where a search matched first, with some of the text around it."""

    model_config = wire_config(
        {"field": "userPrompt", "callId": "c-1", "text": "Where is my refund?", "highlights": [[12, 18]]}
    )

    field: str
    call_id: str | None = Field(default=None, description="Absent where the match is not in an LLM call.")
    text: str
    highlights: list[tuple[int, int]] = Field(
        description="Start and end of each match in `text`, in characters; the end is behind it."
    )


class ListedTrajectory(TrajectoryRecord):
    """One trajectory as lists show it."""

    model_config = wire_config(_LISTED)

    total_tokens: int = 0
    error_count: int = Field(default=0, description="Calls, tool events and actions that failed.")
    models: list[str] = Field(default=[], description="Models of its calls.")
    tasks: list[str] = Field(default=[], description="Tasks of its calls.")
    tags: list[str] = Field(default=[], description="What people and agents marked it with.")
    snippet: Snippet | None = Field(default=None, description="With `search`: where it matched.")


class SearchLag(WireModel):
    """What the search index has yet to read. It is searched all the same, by reading it."""

    model_config = wire_config({"pending": 0, "oldestPendingMs": 0})

    pending: int
    oldest_pending_ms: int


class TrajectoryList(WireModel):
    """One page. `total` counts all matches; `nextCursor` is null on the last page."""

    model_config = wire_config(
        {"trajectories": [_LISTED], "total": 1, "offset": 0, "limit": 50, "nextCursor": None}
    )

    trajectories: list[ListedTrajectory]
    total: int
    offset: int
    limit: int
    next_cursor: str | None = None
    search: SearchLag | None = Field(default=None, description="Only with `search`.")


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
    scores: list[Score] = Field(
        default=[], description="Judgements of this call; absent when there are none."
    )
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


class JudgedTrajectory(TrajectoryRecord):
    """One trajectory and what was said of it; members without data are absent."""

    reward_components: dict[str, Any] = Field(default={}, description="By name, with scores of other names.")
    scores: list[Score] = Field(
        default=[], description="Judgements of the whole, and of calls that have not arrived yet."
    )
    annotation: dict[str, Any] = Field(
        default={}, description="`reward` and `rewardComponents` of annotations."
    )
    reported: dict[str, Any] = Field(
        default={}, description="The agent's own, where scores or annotations outrank them."
    )


class TrajectoryDetail(WireModel):
    """A trajectory, its calls and accesses flat (each with its `stepId`) and by step.

    `events`, `contextEvents`, `toolEvents`, `evaluationEvents`, `cacheObservations`, `cacheStats` and
    `contextDiffs` are present where there is data.
    """

    model_config = wire_config(
        {"trajectory": LIST_RECORD, "llmCalls": [_CALL], "providerAccesses": [_ACCESS], "steps": []}
    )

    trajectory: JudgedTrajectory
    llm_calls: list[LlmCall]
    provider_accesses: list[ProviderAccess]
    steps: list[dict[str, Any]] = Field(default=[], description="The same, by step.")


class StatsBucket(WireModel):
    """Sums over the trajectories that started in one hour or day (UTC), their calls included."""

    start: str
    start_ms: int
    trajectories: int
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    failed: int = Field(description="Status error or timeout, or something in them failed.")
    average_duration_ms: float | None = Field(description="Null where none has ended.")
    average_reward: float | None = Field(description="Null where none was rewarded.")


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
    buckets: list[StatsBucket] | None = Field(
        default=None, description="With `bucket`: in time order, those without trajectories left out."
    )


class LoggingState(WireModel):
    """Whether trajectories are stored."""

    model_config = wire_config({"enabled": True})

    enabled: bool


class LoggingSwitch(WireModel):
    """Turn the storing of trajectories on or off; without `enabled` nothing changes."""

    model_config = wire_config({"enabled": False})

    enabled: bool | None = Field(default=None, strict=True)
