"""Trained models (contract §6.11 to §6.14)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.base import Lenient, WireModel, wire_config


class ModelList(WireModel):
    """All trained models, newest first."""

    model_config = wire_config({"models": []})

    models: list[dict[str, Any]]


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
