"""The base model with a LoRA adapter in it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_torch import attention, fused
from whetstone.finetune.on_torch.device import Placement
from whetstone.finetune.on_torch.limits import CHANGES_BASE, check_torch_options
from whetstone.finetune.spec import FineTuneSpec


def load(folder: Path, spec: FineTuneSpec, place: Placement) -> Any:
    """The PEFT model: base frozen in `place.dtype`, adapter in fp32, on the device, ready to train.

    Raises `InvalidInputError` where the options do not fit this model or this machine.
    """
    check_torch_options(spec)
    attention.register()
    logging.disable_progress_bar()
    model = _base(folder, spec, place)
    targets = _targets(model, spec)
    _refuse_tied_change(model, spec, targets)
    config = LoraConfig(
        r=spec.lora_rank,
        lora_alpha=spec.lora_alpha,
        lora_dropout=spec.lora_dropout,
        target_modules=targets,
        use_rslora=spec.use_rslora,
        use_dora=spec.use_dora,
        init_lora_weights=True if spec.init_lora_weights == "default" else spec.init_lora_weights,
        task_type="CAUSAL_LM",
        bias="none",
    )
    torch.manual_seed(spec.seed)
    try:
        with warnings.catch_warnings():
            # A name that transformers gives up; tied heads, whose adapter is never merged into the embeddings
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", message=".*tie_word_embeddings")
            warnings.filterwarnings(
                "ignore", message="fan_in_fan_out is set to False"
            )  # peft corrects it itself
            tuned = get_peft_model(model, config)
    except ValueError as error:
        raise InvalidInputError(f"The adapter does not fit this model: {error}") from None
    fused.fuse(tuned)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if spec.gradient_checkpointing:
        _checkpoint_layers(model)
    return tuned.to(place.device) if spec.quantization is None else tuned


def _base(folder: Path, spec: FineTuneSpec, place: Placement) -> Any:
    options: dict[str, Any] = {}
    if spec.quantization is not None:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=place.dtype
        )
        options["device_map"] = {"": place.device}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=place.dtype, local_files_only=True, use_safetensors=True, **options
        )
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(f"The base model cannot be loaded for training: {error}") from None
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # the job's dropout is the adapter's alone
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # bitsandbytes would repack these weights at the first evaluation, for a kernel without a gradient
            module.support_avx512bf16_for_cpu = False
    model.config.use_cache = False
    return model.requires_grad_(False)


def _checkpoint_layers(model: Any) -> None:
    # The newer name of the two where there is one
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _refuse_tied_change(model: Any, spec: FineTuneSpec, targets: list[str]) -> None:
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if spec.init_lora_weights not in CHANGES_BASE or head is None or head.weight is not embeddings.weight:
        return
    name = next(name for name, each in model.named_modules() if each is head)
    if any(name == target or name.endswith(f".{target}") for target in targets):
        raise InvalidInputError(
            f"initLoraWeights {spec.init_lora_weights} cannot change {name}, which this model shares with its "
            "embeddings: use another one, or leave that layer out of targetModules"
        )


def _targets(model: Any, spec: FineTuneSpec) -> list[str]:
    """Names of layers; for all-linear those of every linear layer but the output head's."""
    head = model.get_output_embeddings()
    layers = {
        name: each for name, each in model.named_modules() if isinstance(each, torch.nn.Linear | Conv1D)
    }
    short = sorted({name.rpartition(".")[2] for name, each in layers.items() if each is not head})
    if isinstance(spec.target_modules, str):
        return short
    for target in spec.target_modules:
        if not any(name == target or name.endswith(f".{target}") for name in layers):
            raise InvalidInputError(
                f"targetModules: this model has no layer {target}; it has {', '.join(short)}"
            )
    return list(spec.target_modules)
