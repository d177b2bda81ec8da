"""Adapters between MLX's naming and PEFT's layout, which is the one that Whetstone keeps and others read.

MLX: `model.layers.0.self_attn.q_proj.lora_a` (in, rank), `.lora_b` (rank, out), and DoRA's magnitude `.m` (out,).
PEFT: `base_model.model.` before it, `.lora_A.weight` (rank, in), `.lora_B.weight` (out, rank),
`.lora_magnitude_vector` (out,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.finetune.adapter_files import CONFIG, WEIGHTS
from whetstone.finetune.on_mlx.runtime import mx
from whetstone.finetune.spec import FineTuneSpec

_PREFIX = "base_model.model."
_SUFFIXES = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
_FROM_PEFT = {theirs: ours for ours, theirs in _SUFFIXES.items()}


def to_peft(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays under PEFT's names and in its orientation."""
    result = {}
    for name, array in weights.items():
        module, _, kind = name.rpartition(".")
        result[f"{_PREFIX}{module}.{_SUFFIXES[kind]}"] = _turned(array)
    return result


def from_peft(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `to_peft`. Raises `InvalidInputError` for tensors that are no LoRA or DoRA of linear layers."""
    result = {}
    for name, array in weights.items():
        ending = next((each for each in _FROM_PEFT if name.endswith(f".{each}")), None)
        if ending is None or not name.startswith(_PREFIX):
            raise InvalidInputError(f"The adapter holds {name}, which MLX has no place for")
        module = name.removeprefix(_PREFIX).removesuffix(f".{ending}")
        result[f"{module}.{_FROM_PEFT[ending]}"] = _turned(array)
    return result


def peft_config(spec: FineTuneSpec, modules: Sequence[str]) -> dict[str, Any]:
    """`adapter_config.json`. `lora_alpha` is an integer: llama.cpp's and Ollama's readers refuse `16.0`."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": spec.lora_rank,
        "lora_alpha": spec.lora_alpha,
        "lora_dropout": spec.lora_dropout,
        "target_modules": sorted(modules),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": "gaussian" if spec.init_lora_weights == "gaussian" else True,
        "modules_to_save": None,
        "use_dora": spec.use_dora,
        "use_rslora": spec.use_rslora,
    }


def write_adapter(
    folder: Path, weights: Mapping[str, Any], spec: FineTuneSpec, modules: Sequence[str]
) -> None:
    """Write both files of a PEFT adapter into the existing `folder`."""
    mx.save_safetensors(str(folder / WEIGHTS), to_peft(weights), {"format": "pt"})
    (folder / CONFIG).write_bytes(orjson.dumps(peft_config(spec, modules), option=orjson.OPT_INDENT_2))


def read_adapter(folder: Path) -> dict[str, Any]:
    """The weights of a PEFT adapter under MLX's names, in memory."""
    weights = from_peft(mx.load(str(folder / WEIGHTS)))
    mx.eval(weights)  # mx.load is lazy, and the file may be gone later
    return weights


def _turned(array: Any) -> Any:
    return mx.contiguous(array.T) if array.ndim == 2 else array
