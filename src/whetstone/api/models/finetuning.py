"""The options of weight training in the order for a job."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from whetstone.api.models.base import AsSent, WireModel

_Steps = Annotated[int, Field(ge=1, le=1_000_000)]


class FineTuningKeys(WireModel):
    """Options of the backends `cpu`, `cuda` and `mlx`."""

    model: AsSent[str] = Field(
        default=None,
        description="Base model: a name of WHETSTONE_BASE_MODELS, a folder, a GGUF file or a Hugging Face id; the "
        "embedded model if absent.",
    )
    method: AsSent[Literal["sft", "dpo", "kto"]] = Field(
        default=None, description="From examples (`sft`, the default), or from preferences."
    )
    iterations: AsSent[_Steps] = Field(default=None, description="Optimizer steps.")
    epochs: AsSent[Annotated[float, Field(gt=0, le=1000)]] = Field(
        default=None, description="Passes over the rows, instead of `iterations`; 3 without either."
    )
    patience: AsSent[Annotated[int, Field(ge=1, le=1000)]] = Field(
        default=None, description="Validations without a better loss after which training ends."
    )
    batch_size: AsSent[Annotated[int, Field(ge=1, le=4096)]] = Field(
        default=None, description="Rows of one forward pass; 4 if absent."
    )
    gradient_accumulation: AsSent[Annotated[int, Field(ge=1, le=4096)]] = Field(
        default=None, description="Forward passes of one step; 1 if absent."
    )
    learning_rate: AsSent[Annotated[float, Field(gt=0, le=1)]] = Field(
        default=None, description="Peak learning rate; 0.0002 if absent."
    )
    scheduler: AsSent[Literal["linear", "cosine", "constant"]] = Field(
        default=None, description="How the rate falls; `linear` if absent."
    )
    warmup_steps: AsSent[Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default=None, description="Steps to the peak; a tenth, at most 100, if absent."
    )
    weight_decay: AsSent[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=None, description="0 if absent."
    )
    max_grad_norm: AsSent[Annotated[float, Field(gt=0, le=1000)]] = Field(
        default=None, description="Gradients are clipped to this norm; 1 if absent."
    )
    beta: AsSent[Annotated[float, Field(gt=0, le=10)]] = Field(
        default=None, description="Strength of the tie to the base (dpo, kto); 0.1 if absent."
    )
    include_unverified: AsSent[bool] = Field(
        default=None, description="`true`: also learn answers that nobody rewarded or corrected (sft)."
    )
    train_on: AsSent[Literal["auto", "last", "all"]] = Field(
        default=None, description="Assistant turns that are learnt; the last of a recorded call if absent."
    )
    max_length: AsSent[Annotated[int, Field(ge=16, le=131_072)]] = Field(
        default=None, description="Longest row in tokens; 1024 if absent."
    )
    overlong: AsSent[Literal["cut", "drop"]] = Field(
        default=None,
        description="Longer rows lose their oldest messages (`cut`, the default), or are left out.",
    )
    lora_rank: AsSent[Annotated[int, Field(ge=1, le=1024)]] = Field(default=None, description="16 if absent.")
    lora_alpha: AsSent[Annotated[int, Field(ge=1, le=8192)]] = Field(
        default=None, description="32 if absent."
    )
    lora_dropout: AsSent[Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=None, description="0 if absent."
    )
    target_modules: AsSent[Literal["all-linear"] | list[str]] = Field(
        default=None,
        description="Layers that get an adapter, such as `q_proj`; `all-linear` if absent.",
    )
    use_rslora: AsSent[bool] = Field(default=None, description="Scale by the root of the rank.")
    use_dora: AsSent[bool] = Field(default=None, description="Learn magnitudes and directions apart.")
    init_lora_weights: AsSent[Literal["default", "gaussian", "pissa", "olora", "orthogonal"]] = Field(
        default=None, description="How the adapter begins."
    )
    precision: AsSent[Literal["auto", "fp32", "bf16"]] = Field(
        default=None, description="What the device is good at if absent."
    )
    quantization: AsSent[Literal["4bit"]] = Field(
        default=None, description="Base weights in 4 bit (QLoRA), where the machine can."
    )
    gradient_checkpointing: AsSent[bool] = Field(
        default=None, description="Less memory, about a third slower."
    )
    processes: AsSent[Annotated[int, Field(ge=1, le=64)]] = Field(
        default=None, description="Data-parallel processes, each with a part of every batch; 1 if absent."
    )
    eval_every: AsSent[_Steps] = Field(
        default=None, description="Steps between validations; about ten in all if absent."
    )
    save_every: AsSent[_Steps] = Field(
        default=None, description="Steps between checkpoints; every minute or so if absent."
    )
    test_rows: AsSent[Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default=None,
        description="Most held-out rows that base and tuned model answer at the end; 100 if absent.",
    )
    exports: AsSent[list[Literal["merged", "gguf"]]] = Field(
        default=None, description="Beside the adapter: merged safetensors, a merged GGUF file."
    )
