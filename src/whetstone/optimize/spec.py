"""What a native job is asked to do."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from whetstone.errors import InvalidInputError

AVAILABLE_OPTIMIZERS: tuple[str, ...] = ("bootstrap-fewshot",)
"""Optimizers that this version can run."""


def check_optimizer(name: str) -> None:
    """Raise `InvalidInputError` for an optimizer that this version does not have."""
    if name not in AVAILABLE_OPTIMIZERS:
        raise InvalidInputError(
            f"Optimizer '{name}' is not available in this version. "
            f"Available optimizers: {', '.join(AVAILABLE_OPTIMIZERS)}"
        )


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class BudgetLimits(_Model):
    """The most that a job may spend; None is no limit. The gate's share is set aside before the search starts."""

    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)


class FewShotOptions(_Model):
    """Options of bootstrap-fewshot.

    `demonstrations`: most examples in a set (5 is the contract's default, §14.3). `demonstration_format`: `auto` tries both
    renderings. `teacher`: the model's own answers that the metric passes become the demonstrations' answers;
    it costs calls on training rows. `max_request_tokens`: room for a whole request, by default the model's.
    """

    demonstrations: int = Field(default=5, ge=1, le=32)
    demonstration_format: Literal["auto", "turns", "block"] = "auto"
    random_sets: int = Field(default=3, ge=0, le=32)
    teacher: bool = False
    max_request_tokens: int | None = Field(default=None, ge=64)


class NativeSpec(_Model):
    """A native optimization job, as JSON in the job's folder.

    `dataset_dir` is a dataset's folder, or a JSONL file of the user's own. `task` None: the task with the most
    verified rows. `baseline` is the prompt to start from; without it the task's current prompt or else the
    rows' most common system prompt. `metric` None: the task's own.
    """

    job_id: str
    job_dir: Path
    dataset_id: str
    dataset_dir: Path
    task: str | None = None
    optimizer: str = "bootstrap-fewshot"
    baseline: str | None = None
    metric: str | None = None
    budget: BudgetLimits = BudgetLimits()
    seed: int = 0
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    max_validation_rows: int = Field(default=100, ge=8)
    max_test_rows: int = Field(default=300, ge=8)
    few_shot: FewShotOptions = FewShotOptions()
