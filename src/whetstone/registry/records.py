"""A model as the wire shows it (contract §6.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.clock import iso

NOT_RUN: Mapping[str, Any] = {"status": "not_run", "lastRunAt": None, "output": None}


def model_record(row: Mapping[str, Any], *, available: bool) -> dict[str, Any]:
    """The contract's record, with what the job found about the model beside its keys.

    `available`: whether the model's folder is still there.
    """
    return {
        **row["details"],
        "id": row["id"],
        "createdAt": iso(row["created_at"]),
        "jobId": row["job_id"],
        "datasetId": row["dataset_id"],
        "outputDir": row["output_dir"],
        "modelPath": row["model_path"],
        "adapterPath": row["adapter_path"],
        "sourceModel": row["source_model"],
        "backend": row["backend"],
        "ollamaModel": row["ollama_model"],
        "active": row["active"],
        "benchmark": row["benchmark"] or dict(NOT_RUN),
        "available": available,
    }
