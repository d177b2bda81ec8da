"""The order for a training job (contract §6.8), with the options of the `native` backend."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from whetstone.api.models.base import AsSent, WireModel, wire_config
from whetstone.optimize.spec import EvolutionOptions, FewShotOptions, InstructionOptions

_DATASET = "dataset-1760000000000-1a2b3c4d"


class CreateJob(WireModel):
    """What to train, and how. From `task` on the keys are for the backend `native`, which improves prompts."""

    model_config = wire_config(
        {"datasetId": _DATASET, "backend": "native", "task": "should_respond"},
        {"datasetId": "__auto__", "maxTrajectories": 500},
        {
            "datasetId": _DATASET,
            "optimizer": "prompt-evolution",
            "maxCalls": 2000,
            "maxCost": 5,
            "dryRun": True,
        },
        {
            "datasetId": _DATASET,
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
    dry_run: AsSent[bool] = Field(
        default=None,
        description="`true`: start nothing, and answer 200 with what the job would cost; needs `datasetId`.",
    )
    model: AsSent[str] = Field(default=None, description="Base model, for weight training.")
    iterations: AsSent[PositiveInt] = Field(default=None, description="Steps, for weight training.")
    batch_size: AsSent[PositiveInt] = Field(default=None, description="Rows a step, for weight training.")
    learning_rate: AsSent[PositiveFloat] = Field(default=None, description="For weight training.")

    task: AsSent[str] = Field(default=None, description="The task with most verified rows if absent.")
    optimizer: AsSent[str] = Field(
        default=None,
        description="`bootstrap-fewshot` (the default), `instruction-search`, `prompt-evolution`, or `auto` for all of "
        "them in turn. `dspy-bootstrap-fewshot`, `dspy-mipro`, `dspy-copro` and `gepa` name the ones that do the same.",
    )
    baseline: AsSent[str] = Field(
        default=None,
        description="The system prompt to start from; the task's current one if absent, else the rows' commonest.",
    )
    metric: AsSent[str] = Field(
        default=None,
        description="`decision`, `routing`, `action`, `json`, `exact`, `text`, `judge`, or one of an installed package; "
        "the task's own if absent.",
    )
    rubric: AsSent[Annotated[list[str], Field(min_length=1)]] = Field(
        default=None, description="For the metric `judge`: statements that a good answer satisfies."
    )
    effort: AsSent[Literal["light", "medium", "heavy"]] = Field(
        default=None,
        description="How much to search where `maxCalls` does not say: 12, 30 or 80 calls a validation row; `light` if "
        "absent.",
    )
    max_calls: AsSent[PositiveInt] = Field(
        default=None, description="Most answers of the model, gate included."
    )
    max_proposals: AsSent[PositiveInt] = Field(
        default=None, description="Most calls of the reflection model."
    )
    max_tokens: AsSent[PositiveInt] = Field(
        default=None, description="Most tokens, both ways, of all models."
    )
    max_cost: AsSent[PositiveFloat] = Field(
        default=None, description="Most US dollars; needs the models' prices in WHETSTONE_LM_PRICES."
    )
    max_seconds: AsSent[PositiveFloat] = Field(default=None, description="Longest time.")
    max_validation_rows: AsSent[Annotated[int, Field(ge=8)]] = Field(
        default=None, description="Most rows that choose among candidates; 100 if absent."
    )
    max_test_rows: AsSent[Annotated[int, Field(ge=8)]] = Field(
        default=None, description="Most rows that the gate asks; 300 if absent."
    )
    repeats: AsSent[Annotated[int, Field(ge=1, le=16)]] = Field(
        default=None, description="Answers to each row, where model or metric is noisy; 1 if absent."
    )
    seed: AsSent[int] = Field(default=None, description="Decides what is drawn by lot.")
    confidence: AsSent[Annotated[float, Field(ge=0.5, le=0.999)]] = Field(
        default=None, description="Of the gate's interval, 0.5 to 0.999; 0.95 if absent."
    )
    equivalence_margin: AsSent[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=None,
        description="Also promote a shorter prompt that is shown to lose less than this; not at all if absent.",
    )
    max_prompt_tokens: AsSent[Annotated[int, Field(ge=16)]] = Field(
        default=None,
        description="Longest prompt (estimated, demonstrations included); what the model's context leaves if absent.",
    )
    components: AsSent[list[Literal["tools", "prompts"]]] = Field(
        default=None,
        description="What is improved beside the system prompt: descriptions of tools, other prompts of the agent.",
    )
    teacher_gold: AsSent[bool] = Field(
        default=None, description="`true`: rows without a verified answer get that of the teacher model."
    )
    few_shot: AsSent[FewShotOptions] = Field(default=None, description="Options of `bootstrap-fewshot`.")
    instructions: AsSent[InstructionOptions] = Field(
        default=None, description="Options of `instruction-search`."
    )
    evolution: AsSent[EvolutionOptions] = Field(default=None, description="Options of `prompt-evolution`.")
