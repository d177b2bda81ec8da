"""What a fine-tuning job shall do: every option with its range, as a request names it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from whetstone.errors import InvalidInputError
from whetstone.finetune.option_words import accepts

Backend = Literal["cpu", "cuda", "mlx"]
Method = Literal["sft", "dpo", "kto"]

DEFAULT_EPOCHS = 3
MAX_STEPS = 1_000_000
_BEYOND_ALL_RANGES = 1e18

_Module = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,99}$")]


class FineTuneSpec(BaseModel):
    """One fine-tuning job. In JSON the keys are camelCase: `batchSize`, `loraRank`.

    A step takes `batch_size * gradient_accumulation` rows, whatever the number of `processes`. Of `iterations` and
    `epochs` one may be given; without either the job takes `DEFAULT_EPOCHS` epochs. Lengths are in tokens.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", allow_inf_nan=False
    )

    job_id: str
    job_dir: Path
    dataset_id: str
    dataset_dir: Path
    backend: Backend = "cpu"

    # What is learnt, and from what
    model: str | None = Field(default=None, description="Base model by name; none: the embedded model.")
    method: Method = Field(default="sft", description="Supervised, or from preferences (dpo, kto).")
    task: str | None = Field(default=None, description="Only rows of this task; none: of all tasks.")
    include_unverified: bool = Field(
        default=False, description="Also learn recorded answers that nobody rewarded or corrected (sft)."
    )
    train_on: Literal["auto", "last", "all"] = Field(
        default="auto",
        description="Assistant turns that are learnt: auto takes the last of recorded calls, all of a chat file.",
    )
    max_length: int = Field(default=1024, ge=16, le=131_072, description="Longest row, in tokens.")
    overlong: Literal["cut", "drop"] = Field(
        default="cut", description="Longer rows lose their oldest messages, or are left out."
    )

    # How long
    iterations: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="Optimizer steps.")
    epochs: float | None = Field(default=None, gt=0, le=1000, description="Passes over the training rows.")
    max_seconds: float | None = Field(default=None, gt=0, description="Training ends after this time.")
    patience: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Validations without a better loss after which training ends.",
    )

    # The optimizer
    batch_size: int = Field(default=4, ge=1, le=4096, description="Rows of one forward pass.")
    gradient_accumulation: int = Field(default=1, ge=1, le=4096, description="Forward passes of one step.")
    learning_rate: float = Field(default=2e-4, gt=0, le=1, description="Peak learning rate.")
    scheduler: Literal["linear", "cosine", "constant"] = "linear"
    warmup_steps: int | None = Field(
        default=None, ge=0, le=MAX_STEPS, description="Steps to the peak; none: a tenth, at most 100."
    )
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    max_grad_norm: float = Field(
        default=1.0, gt=0, le=1000, description="Gradients are clipped to this norm."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    beta: float = Field(default=0.1, gt=0, le=10, description="Strength of the tie to the base (dpo, kto).")

    # The adapter
    lora_rank: int = Field(default=16, ge=1, le=1024)
    lora_alpha: int = Field(default=32, ge=1, le=8192)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: Literal["all-linear"] | tuple[_Module, ...] = Field(
        default="all-linear", description="Names of the layers that get an adapter, such as q_proj."
    )
    use_rslora: bool = False
    use_dora: bool = False
    init_lora_weights: Literal["default", "gaussian", "pissa", "olora", "orthogonal"] = "default"

    # The machine
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    quantization: Literal["4bit"] | None = Field(default=None, description="Base weights in 4 bit (QLoRA).")
    gradient_checkpointing: bool = Field(default=False, description="Less memory, about a third slower.")
    processes: int = Field(
        default=1, ge=1, le=64, description="Data-parallel processes; each takes a part of every batch."
    )

    # Looking at it
    eval_every: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Steps between validations; none: about ten in all."
    )
    save_every: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, description="Steps between checkpoints; none: every minute or so."
    )
    test_rows: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Most held-out rows answered by base and tuned model at the end.",
    )
    exports: tuple[Literal["merged", "gguf"], ...] = Field(
        default=(), description="Beside the adapter: merged safetensors, a merged GGUF file."
    )

    @field_validator("target_modules")
    @classmethod
    def _some_modules(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value:
            raise ValueError("name at least one module, or 'all-linear'")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.iterations is not None and self.epochs is not None:
            raise ValueError("give iterations or epochs, not both")
        if self.processes > self.batch_size:
            raise ValueError(
                f"processes must be at most batchSize ({self.batch_size}): each takes a part of a batch"
            )
        if self.quantization is not None and self.use_dora:
            raise ValueError("useDora does not go with quantization")
        return self

    @classmethod
    def parse(
        cls, options: Mapping[str, Any], job_id: str, job_dir: Path, dataset_id: str, dataset_dir: Path
    ) -> Self:
        """The specification of a job from a request's options.

        Raises `InvalidInputError` that names the first wrong option and its range.
        """
        for name, value in options.items():
            # Not finite, which JSON would make null, the default; or longer than JSON's integers.
            if isinstance(value, int | float) and not abs(value) < _BEYOND_ALL_RANGES:
                raise InvalidInputError(range_of(name) or f"{name} must be a finite number")
        content = {
            **options,
            "jobId": job_id,
            "jobDir": str(job_dir),
            "datasetId": dataset_id,
            "datasetDir": str(dataset_dir),
        }
        try:
            # As JSON, because strictness then still lets lists be tuples, but not text be a number.
            return cls.model_validate_json(orjson.dumps(content), strict=True)
        except ValidationError as error:
            raise InvalidInputError(_sentence(error)) from None
        except TypeError:  # lone surrogates, integers over 64 bits
            raise InvalidInputError("The job's options hold text or numbers that JSON cannot carry") from None

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Keys of a request that this specification knows."""
        own = {"job_id", "job_dir", "dataset_id", "dataset_dir"}
        return frozenset(field.alias or name for name, field in cls.model_fields.items() if name not in own)


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"{name} is no option of a fine-tuning job"
    return f"{name}: {message}" if first["type"] == "value_error" else range_of(name) or f"{name}: {message}"


def range_of(name: str) -> str | None:
    """What the option takes, in a sentence that begins with its name; None of one that is not known."""
    fields = {field.alias: field for field in FineTuneSpec.model_fields.values()}
    return accepts(name, fields[name]) if name in fields else None
