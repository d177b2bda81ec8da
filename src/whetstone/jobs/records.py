"""A job as the wire shows it (contract §6.7)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whetstone.clock import iso, now_ms
from whetstone.jobs import worker
from whetstone.jobs.jobfile import JobFolder
from whetstone.jobs.states import JobStatus

# Figures of a progress event that the record of a running job shows.
FIGURES = (
    "bestScore", "budgetUsed", "etaSeconds",
    # Of weight training (contract §6.7), after the step `currentIteration`.
    "currentIteration", "totalIterations", "loss", "evalLoss", "learningRate", "gradNorm", "tokensPerSecond",
    "memoryBytes",
)  # fmt: skip

# Below this share of the work an extrapolation says nothing.
_LEAST_PROGRESS_TO_ESTIMATE = 0.05


def job_record(
    row: Mapping[str, Any],
    folder: JobFolder,
    logs: Sequence[str],
    queue_position: int | None,
    news: Mapping[str, Any],
) -> dict[str, Any]:
    """The contract's record, with a few keys of ours. `news`: what the worker's newest progress event said.

    Extra keys: `backend`, `result` (what the backend found, once completed), `bestSoFar` (what a job that was
    cancelled or failed had found, tested by nobody; see `best_so_far`), those of `FIGURES` (the
    worker's newest figures; null unless running), `attempt` (starts so far), `cancelRequested`,
    `queuePosition` (1 is next; null unless pending), `estimatedSecondsLeft` (from the progress so far; null unless
    running). `progress` is a fraction 0..1; times are ISO 8601 in UTC.
    """
    options, completed = row["options"], row["status"] == JobStatus.COMPLETED
    left = {} if completed else row["result"] or {}
    return {
        "id": row["id"],
        "createdAt": iso(row["created_at"]),
        "startedAt": _iso(row["started_at"]),
        "completedAt": _iso(row["completed_at"]),
        "status": row["status"],
        "phase": row["phase"],
        "progress": row["progress"],
        "error": row["error"],
        "exitCode": row["exit_code"],
        "signal": row["signal"],
        "backend": row["backend"],
        "options": options,
        "datasetId": row["dataset_id"],
        "pythonRoot": sys.prefix,
        "scriptPath": str(Path(worker.__file__)),
        "outputDir": str(folder.path),
        "logPath": str(folder.output),
        "modelPath": row["model_path"],
        "adapterPath": row["adapter_path"],
        "modelId": row["model_id"],
        "logs": list(logs),
        "result": row["result"] if completed else None,
        "bestSoFar": left.get("bestSoFar"),
        **{key: news.get(key) for key in FIGURES},
        "attempt": row["attempt"],
        "cancelRequested": row["cancel_requested"],
        "queuePosition": queue_position,
        "estimatedSecondsLeft": _seconds_left(row),
    }


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def _seconds_left(row: Mapping[str, Any]) -> float | None:
    progress: float = row["progress"]
    if row["status"] != JobStatus.RUNNING or progress < _LEAST_PROGRESS_TO_ESTIMATE:
        return None
    seconds: float = (now_ms() - row["started_at"]) / 1000
    return round(max(seconds, 0.0) * (1 - progress) / progress, 1)
