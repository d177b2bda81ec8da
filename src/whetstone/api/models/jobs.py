"""Training jobs (contract §6.7 to §6.10)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from whetstone.api.models.base import AsSent, WireModel, wire_config

JOB: dict[str, Any] = {
    "id": "job-1760000000000-1a2b3c4d",
    "createdAt": "2026-02-19T10:00:00.000Z",
    "startedAt": "2026-02-19T10:00:01.000Z",
    "completedAt": None,
    "status": "running",
    "phase": "training",
    "progress": 0.45,
    "error": None,
    "exitCode": None,
    "signal": None,
    "options": {"datasetId": "dataset-1760000000000-1a2b3c4d", "backend": "native"},
    "datasetId": "dataset-1760000000000-1a2b3c4d",
    "outputDir": "/home/me/.eliza/training/jobs/job-1760000000000-1a2b3c4d",
    "logPath": "/home/me/.eliza/training/jobs/job-1760000000000-1a2b3c4d/output.log",
    "modelPath": None,
    "adapterPath": None,
    "modelId": None,
    "logs": ["reading the dataset"],
}


class CreateJob(WireModel):
    """What to train, and how."""

    model_config = wire_config(
        {"datasetId": "dataset-1760000000000-1a2b3c4d", "backend": "native", "task": "should_respond"},
        {"datasetId": "__auto__", "maxTrajectories": 500},
        {
            "datasetId": "dataset-1760000000000-1a2b3c4d",
            "maxTrajectories": 500,
            "backend": "mlx",
            "model": "eliza-1-2b",
            "iterations": 100,
            "batchSize": 4,
            "learningRate": 0.0001,
        },
    )

    dataset_id: AsSent[str] = Field(
        default=None,
        description="Absent or `__auto__`: a dataset is built from the newest trajectories first.",
    )
    max_trajectories: AsSent[PositiveInt] = Field(default=None, description="For that build; 250 if absent.")
    backend: AsSent[str] = Field(default=None, description="`native` (the default), `mlx`, `cuda` or `cpu`.")
    model: AsSent[str] = Field(default=None, description="Base model, for weight training.")
    iterations: AsSent[PositiveInt] = Field(default=None, description="Steps, for weight training.")
    batch_size: AsSent[PositiveInt] = Field(default=None, description="Rows a step, for weight training.")
    learning_rate: AsSent[PositiveFloat] = Field(default=None, description="For weight training.")
    task: AsSent[str] = Field(
        default=None, description="For `native`; the task with most verified rows if absent."
    )
    optimizer: AsSent[str] = Field(default=None, description="For `native`; `bootstrap-fewshot` if absent.")
    baseline: AsSent[str] = Field(default=None, description="For `native`: the system prompt to start from.")
    metric: AsSent[str] = Field(
        default=None,
        description="For `native`: `decision`, `routing`, `action` or `text`; the task's own if absent.",
    )
    max_calls: AsSent[PositiveInt] = Field(default=None, description="For `native`: most calls of the model.")
    max_tokens: AsSent[PositiveInt] = Field(default=None, description="For `native`: most tokens, both ways.")
    max_seconds: AsSent[PositiveFloat] = Field(default=None, description="For `native`: longest time.")
    seed: AsSent[int] = Field(default=None, description="For `native`: decides what is drawn by lot.")
    confidence: AsSent[float] = Field(
        default=None, ge=0.5, lt=1, description="For `native`: of the gate's interval; 0.95 if absent."
    )
    few_shot: AsSent[dict[str, Any]] = Field(
        default=None,
        description="For `bootstrap-fewshot`: `demonstrations` (1 to 32), `demonstrationFormat` (`auto`, `turns`, "
        "`block`), `randomSets`, `teacher`, `maxRequestTokens`.",
    )


class Job(WireModel):
    """A training job. `progress` is a fraction 0..1."""

    model_config = wire_config(JOB)

    id: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    phase: str
    progress: float
    error: str | None
    exit_code: int | None
    signal: str | None
    options: dict[str, Any]
    dataset_id: str | None
    output_dir: str
    log_path: str
    model_path: str | None
    adapter_path: str | None
    model_id: str | None
    logs: list[str]


class JobAnswer(WireModel):
    """One job."""

    model_config = wire_config({"job": JOB})

    job: Job


class JobList(WireModel):
    """All jobs, newest first."""

    model_config = wire_config({"jobs": [JOB]})

    jobs: list[Job]
