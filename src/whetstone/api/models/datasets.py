"""Datasets (contract §6.4, §6.5)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import AsSent, WireModel, wire_config

DATASET: dict[str, Any] = {
    "id": "dataset-1760000000000-1a2b3c4d",
    "createdAt": "2026-02-19T10:00:00.000Z",
    "jsonlPath": "/home/me/.eliza/training/datasets/dataset-1760000000000-1a2b3c4d/training-data.jsonl",
    "trajectoryDir": "/home/me/.eliza/training/datasets/dataset-1760000000000-1a2b3c4d/trajectories",
    "metadataPath": "/home/me/.eliza/training/datasets/dataset-1760000000000-1a2b3c4d/metadata.json",
    "sampleCount": 640,
    "trajectoryCount": 342,
    "status": "ready",
    "error": None,
}


class BuildDataset(WireModel):
    """Which trajectories to take. Values that are not numbers count as absent."""

    model_config = wire_config({"limit": 500, "minLlmCallsPerTrajectory": 1})

    limit: AsSent[float] = Field(
        default=None, description="At most so many trajectories, 1 to 5000; 250 if absent."
    )
    min_llm_calls_per_trajectory: AsSent[float] = Field(
        default=None, description="Leave out trajectories with fewer LLM calls; 1 if absent."
    )
    tasks: AsSent[list[str]] = Field(default=None, description="Only these tasks; all if absent.")
    seed: AsSent[int] = Field(default=None, description="Decides the split; 0 if absent.")


class Dataset(WireModel):
    """A dataset on disk. Its record also says what the privacy filter removed."""

    model_config = wire_config(DATASET)

    id: str
    created_at: str
    trajectory_count: int
    jsonl_path: str = Field(default="", description="Chat rows, one a line.")
    trajectory_dir: str = Field(default="", description="Folder of the filtered trajectories.")
    metadata_path: str = Field(default="", description="File with this record.")
    sample_count: int = Field(default=0, description="Rows in the file.")
    status: Literal["building", "ready", "failed"] = "ready"
    error: str | None = Field(default=None, description="Why the build failed.")


class DatasetAnswer(WireModel):
    """One dataset."""

    model_config = wire_config({"dataset": DATASET})

    dataset: Dataset


class DatasetList(WireModel):
    """All datasets, newest first."""

    model_config = wire_config({"datasets": [DATASET]})

    datasets: list[Dataset]
