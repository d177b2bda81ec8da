"""Training jobs as they are answered (contract §6.7 to §6.10)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config

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
    "result": None,
    "bestSoFar": None,
    "bestScore": 0.82,
    "budgetUsed": {"calls": 640, "maxCalls": 2000, "tokens": 210000, "usd": 0.04, "proposals": 12},
    "etaSeconds": 95,
}
FINE_TUNING_ESTIMATE: dict[str, Any] = {
    "rows": {"train": 320, "validation": 40, "test": 40},
    "tokens": {"train": 41000, "validation": 5100, "test": 5000, "learnt": 3900},
    "steps": 240,
    "seconds": 410,
    "memoryBytes": 2_900_000_000,
    "notes": [],
}
_METRICS: list[dict[str, Any]] = [
    {"step": 10, "loss": 1.62, "learningRate": 0.0002, "gradNorm": 1.1, "tokensPerSecond": 510},
    {
        "step": 20,
        "loss": 1.31,
        "evalLoss": 1.4,
        "learningRate": 0.0002,
        "gradNorm": 0.9,
        "tokensPerSecond": 512,
    },
]
ESTIMATE: dict[str, Any] = {
    "task": "should_respond",
    "metric": "decision",
    "models": {"task": "my-model", "reflection": "my-larger-model"},
    "rows": {"all": 420, "verified": 400, "train": 160, "validation": 80, "test": 160},
    "optimizer": "prompt-evolution",
    "calls": {"search": 1680, "gate": 320, "total": 2000},
    "judgements": 0,
    "proposals": 140,
    "tokens": 1460000,
    "usd": 0.31,
    "power": {"rows": 160, "groups": 150, "detectable": 0.13, "explanation": "…"},
    "limits": {"maxCalls": 2000, "maxTokens": None, "maxCost": 5, "maxSeconds": None, "maxProposals": None},
    "notes": [],
}


class BestCandidate(WireModel):
    """The best candidate of a `native` job that was cancelled or failed before its gate, which nobody has tested: its
    scores are those of the validation rows that chose it.
    """

    path: str = Field(description="File of the artifact.")
    task: str
    score: float | None
    baseline_score: float | None
    evaluated_on: Literal["validation"]
    decision: Literal["not_gated"]


class BestAdapter(WireModel):
    """The best adapter of a weight-training job that was cancelled or failed, which nobody has tested."""

    path: str = Field(description="Folder of the adapter, in PEFT's layout.")
    step: int
    loss: float = Field(
        description="Mean of the validation rows: of sft in nats a token, of dpo and kto their own loss a row."
    )
    base_loss: float | None = Field(description="The same of the base model.")
    evaluated_on: str
    decision: Literal["not_gated"]


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
    result: dict[str, Any] | None = Field(default=None, description="What a completed job found.")
    best_so_far: BestCandidate | BestAdapter | None = Field(
        default=None, description="What a cancelled or failed job had found."
    )
    best_score: float | None = Field(
        default=None, description="Best validation score of a running job; too high, for it was chosen by it."
    )
    budget_used: dict[str, Any] | None = Field(default=None, description="What a running job has spent.")
    eta_seconds: float | None = Field(default=None, description="Seconds that a running job needs yet.")
    current_iteration: int | None = Field(
        default=None, description="Steps that a running weight training has done."
    )
    total_iterations: int | None = None
    loss: float | None = Field(default=None, description="Of the newest training step.")
    eval_loss: float | None = Field(default=None, description="Of the validation rows, when last looked at.")
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    memory_bytes: int | None = Field(default=None, description="Most memory that the training has held.")


class JobAnswer(WireModel):
    """One job."""

    model_config = wire_config({"job": JOB})

    job: Job


class JobList(WireModel):
    """All jobs, newest first."""

    model_config = wire_config({"jobs": [JOB]})

    jobs: list[Job]


class Estimate(WireModel):
    """What a job would cost and could show; estimates of tokens and money are upper bounds by today's prompt."""

    model_config = wire_config(ESTIMATE)

    task: str
    metric: str
    models: dict[str, str | None] = Field(description="Model by role.")
    rows: dict[str, int] = Field(
        description="Rows of the task, verified ones, and those that each part uses."
    )
    optimizer: str
    calls: dict[str, int] = Field(description="Answers at most: of the search, of the gate, in total.")
    judgements: int = Field(description="Calls of the judge, at most.")
    proposals: int = Field(description="Calls of the reflection model, about.")
    tokens: int
    usd: float | None = Field(description="US dollars; null where a price is unknown.")
    power: dict[str, Any] = Field(
        description="What a gate on these test rows can find, in figures and in words."
    )
    limits: dict[str, float | None] = Field(description="The limits that were asked for.")
    notes: list[str] = Field(description="What should be known before the start.")


class JobMetrics(WireModel):
    """The figures of a weight training, step by step."""

    model_config = wire_config({"metrics": _METRICS})

    metrics: list[dict[str, Any]]


class FineTuningEstimate(WireModel):
    """What a weight training would take: rows, tokens, steps, and about how much time and memory."""

    model_config = wire_config(FINE_TUNING_ESTIMATE)

    rows: dict[str, int]


class DryRun(WireModel):
    """The answer to a dry run."""

    model_config = wire_config(
        {"dryRun": True, "estimate": ESTIMATE}, {"dryRun": True, "estimate": FINE_TUNING_ESTIMATE}
    )

    dry_run: Literal[True]
    estimate: Estimate | FineTuningEstimate
