"""The order for a training job (contract §6.8), with the options of all backends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from whetstone.api.models.base import AsSent, WireModel, wire_config
from whetstone.api.models.finetuning import FineTuningKeys
from whetstone.optimize.spec import EvolutionOptions, FewShotOptions, InstructionOptions

_DATASET = "dataset-1760000000000-1a2b3c4d"


class Resources(WireModel):
    """A job's share of a Ray cluster. Ray keeps the job waiting until a node has it all free."""

    model_config = wire_config({"cpus": 8, "gpus": 1, "memoryGb": 32})

    cpus: AsSent[Annotated[float, Field(ge=0.01, le=1024)]] = Field(
        default=None, description="One for each of the job's processes if absent."
    )
    gpus: AsSent[Annotated[int, Field(ge=0, le=64)]] = Field(
        default=None, description="With `cuda` one for each of the job's processes if absent, else none."
    )
    memory_gb: AsSent[Annotated[float, Field(ge=0.01, le=16_384)]] = Field(
        default=None, description="GiB. Training ends with a reason when it takes more; any if absent."
    )


class CreateJob(FineTuningKeys):
    """What to train, and how. From `optimizer` on the keys are for the backend `native`, which improves prompts; those
    before, `task`, `seed` and `maxSeconds` are for `cpu`, `cuda` and `mlx`, which train weights.
    """

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
        {
            "datasetId": _DATASET,
            "backend": "cpu",
            "method": "dpo",
            "epochs": 2,
            "loraRank": 32,
            "exports": ["gguf"],
        },
    )

    dataset_id: AsSent[str] = Field(
        default=None,
        description="Absent or `__auto__`: a dataset is built from the newest trajectories first.",
    )
    max_trajectories: AsSent[PositiveInt] = Field(default=None, description="For that build; 250 if absent.")
    backend: AsSent[str] = Field(default=None, description="`native` (the default), `mlx`, `cuda` or `cpu`.")
    launcher: AsSent[Literal["local", "ray"]] = Field(
        default=None,
        description="Where it runs: on the server's machine, or on the Ray cluster of WHETSTONE_RAY_ADDRESS; "
        "WHETSTONE_LAUNCHER if absent.",
    )
    resources: AsSent[Resources] = Field(default=None, description="What the job takes of the Ray cluster.")
    dry_run: AsSent[bool] = Field(
        default=None,
        description="`true`: start nothing, and answer 200 with what the job would cost; needs `datasetId`.",
    )

    task: AsSent[str] = Field(
        default=None,
        description="`native`: the task with most verified rows if absent; else rows of all tasks.",
    )
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
