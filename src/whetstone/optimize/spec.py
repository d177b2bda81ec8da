"""What a native job is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from whetstone.errors import InvalidInputError

BEST_SO_FAR = "best-so-far.json"
"""File in a job's folder that a job leaves which ends before its gate: an artifact that nobody has tested."""

OPTIMIZERS: tuple[str, ...] = ("bootstrap-fewshot", "instruction-search", "prompt-evolution", "auto")
"""The optimizers by their own names; `auto` runs the others in turn while the budget lasts."""

OPTIMIZER_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "gepa": "prompt-evolution",
        "dspy-mipro": "instruction-search",
        "dspy-copro": "instruction-search",
        "dspy-bootstrap-fewshot": "bootstrap-fewshot",
    }
)
"""The reference's names (contract §14) for what does the same here."""

Effort = Literal["light", "medium", "heavy"]
EFFORT_PASSES: Mapping[str, int] = MappingProxyType({"light": 12, "medium": 30, "heavy": 80})
"""Calls of a search without `max_calls`, as a multiple of the validation rows."""


def resolve_optimizer(name: str) -> str:
    """The optimizer's own name; raises `InvalidInputError` for one that does not exist."""
    found = OPTIMIZER_ALIASES.get(name, name)
    if found not in OPTIMIZERS:
        raise InvalidInputError(
            f"Optimizer '{name}' is not known. Available optimizers: {', '.join(OPTIMIZERS)} "
            f"(and the reference's names {', '.join(OPTIMIZER_ALIASES)})"
        )
    return found


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class BudgetLimits(_Model):
    """The most that a job may spend; None is no limit. The gate's share is set aside before the search starts.

    `max_calls` counts answers of the task model, `max_proposals` those of the reflection model; `max_tokens` and
    `max_cost` (US dollars) everything.
    """

    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost: float | None = Field(default=None, gt=0)
    max_seconds: float | None = Field(default=None, gt=0)
    max_proposals: int | None = Field(default=None, ge=1)


class FewShotOptions(_Model):
    """Options of bootstrap-fewshot.

    `demonstrations`: most examples in a set; unless it is given, 5 (the contract's number, §14.3) on the embedded model,
    which takes long to read more. `demonstration_format`: `auto`
    tries both renderings. `teacher`: the teacher model's own answers that the metric passes become the
    demonstrations' answers; it costs calls on training rows. `max_request_tokens`: room for a whole request, by
    default the model's.
    """

    demonstrations: int = Field(default=16, ge=1, le=32)
    demonstration_format: Literal["auto", "turns", "block"] = "auto"
    random_sets: int = Field(default=3, ge=0, le=32)
    teacher: bool = False
    max_request_tokens: int | None = Field(default=None, ge=64)


class InstructionOptions(_Model):
    """Options of instruction-search.

    `instructions`: proposals beside the present prompt. `demonstration_sets`: sets that are tried with them; 0 is
    the zero-shot mode, which bootstraps nothing. `minibatch`: validation rows of a trial; every `full_every`
    trials the best is scored on all of them.
    """

    instructions: int = Field(default=8, ge=1, le=64)
    demonstration_sets: int = Field(default=6, ge=0, le=32)
    minibatch: int = Field(default=25, ge=4)
    full_every: int = Field(default=5, ge=1)


class EvolutionOptions(_Model):
    """Options of prompt-evolution.

    `minibatch`: training rows that a proposal is judged by first. `width`: most proposals at a time; None adapts.
    `merge`: also combine two good prompts. `restart_after`: steps without an accepted proposal before a fresh start.
    """

    minibatch: int = Field(default=4, ge=1, le=64)
    width: int | None = Field(default=None, ge=1, le=32)
    merge: bool = True
    restart_after: int = Field(default=5, ge=1)


class NativeSpec(_Model):
    """A native optimization job, as JSON in the job's folder.

    `dataset_dir` is a dataset's folder, or a JSONL file of the user's own. `task` None: the task with the most
    verified rows. `baseline` is the prompt to start from; without it the task's current prompt or else the
    rows' most common system prompt. `metric` None: the task's own. `components` says what is improved beside the
    system prompt: `tools` (their descriptions), `prompts` (other system prompts of the rows). `repeats`: answers
    per row, for metrics or endpoints that are noisy. `max_prompt_tokens` (estimated, demonstrations included) is a hard
    limit, by default what the model's context leaves. `equivalence_margin` lets a shorter prompt be promoted
    that is not worse by more than that. `teacher_gold`: rows without a verified answer get the teacher model's.
    """

    job_id: str
    job_dir: Path
    dataset_id: str
    dataset_dir: Path
    task: str | None = None
    optimizer: str = "bootstrap-fewshot"
    baseline: str | None = None
    metric: str | None = None
    rubric: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=8)
    budget: BudgetLimits = BudgetLimits()
    effort: Effort = "light"
    seed: int = 0
    repeats: int = Field(default=1, ge=1, le=16)
    confidence: float = Field(default=0.95, ge=0.5, le=0.999)
    equivalence_margin: float | None = Field(default=None, gt=0, lt=1)
    max_validation_rows: int = Field(default=100, ge=8)
    max_test_rows: int = Field(default=300, ge=8)
    max_prompt_tokens: int | None = Field(default=None, ge=16)
    components: tuple[Literal["tools", "prompts"], ...] = ()
    teacher_gold: bool = False
    few_shot: FewShotOptions = FewShotOptions()
    instructions: InstructionOptions = InstructionOptions()
    evolution: EvolutionOptions = EvolutionOptions()
