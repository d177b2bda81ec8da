"""Training: status, trajectory rows, backends (contract §6.1 to §6.3, §6.6) and cloud models (§8.3)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.auto import AutoStatus
from whetstone.api.models.base import WireModel, wire_config

_ROW: dict[str, Any] = {
    "id": "t-1",
    "trajectoryId": "t-1",
    "agentId": "a-1",
    "archetype": None,
    "createdAt": "2026-02-19T10:00:00.000Z",
    "totalReward": 1.0,
    "aiJudgeReward": None,
    "episodeLength": 1,
    "hasLlmCalls": True,
    "llmCallCount": 2,
}


class TrainingStatus(WireModel):
    """How much there is of everything."""

    model_config = wire_config(
        {
            "runtimeAvailable": True,
            "trajectoryCount": 150,
            "jobCount": 0,
            "runningJobs": 0,
            "queuedJobs": 0,
            "completedJobs": 0,
            "failedJobs": 0,
            "modelCount": 0,
            "datasetCount": 0,
            "autoTrain": None,
        }
    )

    runtime_available: bool
    trajectory_count: int
    job_count: int
    running_jobs: int = 0
    queued_jobs: int = Field(default=0, description="Jobs in status `pending`.")
    completed_jobs: int = 0
    failed_jobs: int = 0
    model_count: int = 0
    dataset_count: int = 0
    auto_train: AutoStatus | None = None


class TrainingRow(WireModel):
    """One trajectory as the training panel lists it."""

    model_config = wire_config(_ROW)

    id: str
    trajectory_id: str
    agent_id: str
    archetype: str | None
    created_at: str
    total_reward: float | None
    ai_judge_reward: float | None
    episode_length: int
    has_llm_calls: bool
    llm_call_count: int


class TrainingTrajectories(WireModel):
    """One page, newest first."""

    model_config = wire_config(
        {"available": True, "total": 1, "offset": 0, "limit": 100, "trajectories": [_ROW]}
    )

    available: bool
    total: int
    offset: int = 0
    limit: int = 100
    trajectories: list[TrainingRow]


class TrainingTrajectory(TrainingRow):
    """The same with its steps as JSON text."""

    model_config = wire_config({**_ROW, "stepsJson": "[]", "aiJudgeReasoning": None})

    steps_json: str
    ai_judge_reasoning: str | None


class TrainingTrajectoryAnswer(WireModel):
    """One trajectory."""

    model_config = wire_config({"trajectory": {**_ROW, "stepsJson": "[]", "aiJudgeReasoning": None}})

    trajectory: TrainingTrajectory


class Device(WireModel):
    """What a backend would train on."""

    name: str
    memory_bytes: int | None


class BackendDetails(WireModel):
    """Whether a backend runs here, why not, and on what."""

    available: bool
    reason: str | None = Field(description="Why it is not available, and what to do.")
    devices: list[Device]
    notes: list[str] = Field(default_factory=list, description="What its user should know.")


class Backends(WireModel):
    """Which training backends run on this machine."""

    model_config = wire_config(
        {
            "backends": {"native": True, "cpu": True, "cuda": False},
            "details": {
                "native": {"available": True, "reason": None, "devices": []},
                "cpu": {
                    "available": True,
                    "reason": None,
                    "devices": [{"name": "2 cores", "memoryBytes": 16_000_000_000}],
                },
                "cuda": {"available": False, "reason": "No NVIDIA GPU was found.", "devices": []},
            },
        }
    )

    backends: dict[str, bool]
    details: dict[str, BackendDetails] = Field(default_factory=dict)


class CloudModels(WireModel):
    """Models trained in a cloud; this service trains at home, so there are none."""

    model_config = wire_config({"loaded_at": None, "entries": []})

    loaded_at: str | None = Field(alias="loaded_at")
    entries: list[dict[str, Any]]
