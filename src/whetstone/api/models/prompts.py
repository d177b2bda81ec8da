"""Optimized prompts (contract §15)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config

_ARTIFACT: dict[str, Any] = {
    "task": "should_respond",
    "optimizer": "bootstrap-fewshot",
    "baseline": "Decide whether the agent should answer.",
    "prompt": "Decide whether the agent should answer.",
    "score": 0.71,
    "baselineScore": 0.64,
    "datasetId": "dataset-1760000000000-1a2b3c4d",
    "datasetSize": 120,
    "generatedAt": "2026-02-19T10:00:00.000Z",
    "fewShotExamples": [],
    "lineage": [{"round": 0, "variant": 0, "score": 0.64, "notes": "baseline"}],
}
_VERSION: dict[str, Any] = {"version": 1, "artifact": _ARTIFACT}


class PromptVersion(WireModel):
    """One version of a task's prompt, with its evidence."""

    model_config = wire_config(_VERSION)

    version: int
    artifact: dict[str, Any] = Field(description="The artifact file, as agents read it.")


class CurrentPrompts(WireModel):
    """The prompt in use of each task that has one."""

    model_config = wire_config({"prompts": {"should_respond": _VERSION}})

    prompts: dict[str, PromptVersion]


class TaskPrompts(WireModel):
    """The prompts of one task: the one in use, and all versions, newest first."""

    model_config = wire_config({"task": "should_respond", "current": _VERSION, "history": [_VERSION]})

    task: str
    current: PromptVersion | None
    history: list[PromptVersion]
