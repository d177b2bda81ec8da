"""Trained models (contract §6.11 to §6.14)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from whetstone.api.models.base import Lenient, WireModel, wire_config

_FOLDER = "/home/me/.eliza/training/models/model-1760000000000-1a2b3c4d"
MODEL: dict[str, Any] = {
    "id": "model-1760000000000-1a2b3c4d",
    "createdAt": "2026-02-19T10:00:00.000Z",
    "jobId": "job-1760000000000-1a2b3c4d",
    "datasetId": "dataset-1760000000000-1a2b3c4d",
    "outputDir": _FOLDER,
    "modelPath": None,
    "adapterPath": f"{_FOLDER}/adapter",
    "sourceModel": "SmolLM2-135M-Instruct",
    "backend": "cpu",
    "ollamaModel": None,
    "active": False,
    "benchmark": {"status": "not_run", "lastRunAt": None, "output": None},
    "available": True,
    "method": "sft",
    "validationLoss": {"base": 2.41, "tuned": 0.38, "last": 0.41},
}


class Benchmark(WireModel):
    """The newest benchmark of a model."""

    status: Literal["not_run", "passed", "failed"]
    last_run_at: str | None
    output: str | None


class Model(WireModel):
    """A trained model. What the job found about it stands beside: method, validationLoss, proof, files, licence of the base."""

    model_config = wire_config(MODEL)

    id: str
    created_at: str
    job_id: str
    dataset_id: str | None = None
    output_dir: str
    model_path: str | None = Field(
        description="The merged model, a folder or a GGUF file; null unless the job's exports asked for one."
    )
    adapter_path: str | None = Field(description="Folder of the adapter, in PEFT's layout.")
    source_model: str = Field(description="The base model by name.")
    backend: str
    ollama_model: str | None
    active: bool
    benchmark: Benchmark
    available: bool = Field(default=True, description="Whether its folder is still there.")


class ModelAnswer(WireModel):
    """One model."""

    model_config = wire_config({"model": MODEL})

    model: Model


class ModelList(WireModel):
    """All trained models, newest first."""

    model_config = wire_config({"models": [MODEL]})

    models: list[Model]


class ImportModel(WireModel):
    """How to import a model into Ollama."""

    model_config = wire_config(
        {
            "modelName": "my-fine-tuned-agent",
            "baseModel": "eliza-1-2b",
            "ollamaUrl": "http://localhost:11434",
        }
    )

    model_name: Lenient[str] = None
    base_model: Lenient[str] = None
    ollama_url: Lenient[str] = Field(default=None, description="Must be on this machine.")


class ActivateModel(WireModel):
    """Which model the agent is to use."""

    model_config = wire_config({"providerModel": "ollama/my-fine-tuned-agent"})

    provider_model: Lenient[str] = None
