"""A LoRA adapter in PEFT's layout, read with NumPy, and the weights it makes of a base weight.

LoRA: Hu et al. 2021, arXiv:2106.09685; rank-stabilised scale: Kalajdzievski 2023, arXiv:2312.03732; DoRA: Liu et al.
2024, arXiv:2402.09353. Layout and scale as `peft` writes and applies them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from whetstone.errors import InvalidInputError, NotAvailableError
from whetstone.finetune.adapter_files import CONFIG, WEIGHTS
from whetstone.finetune.export.tensors import Floats, Tensor, tensors

_PREFIX = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector")
_COPY_OF_BASE = ".base_layer.weight"  # peft keeps one beside an adapted output layer
_OTHER_KINDS = (
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "lora_bias",
    "target_parameters",
    "trainable_token_indices",
    "layer_replication",
    "use_qalora",
    "use_bdlora",
)
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "eva", "lora_ga")


@dataclass(frozen=True, slots=True)
class Pair:
    """What is learnt of one linear layer: `a` (rank, inputs), `b` (outputs, rank), DoRA's `magnitude` (outputs,)."""

    a: Floats
    b: Floats
    magnitude: Floats | None = None

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])


@dataclass(frozen=True)
class Adapter:
    """`pairs` by module name as the base model calls it, such as `model.layers.0.self_attn.q_proj`."""

    pairs: Mapping[str, Pair]
    rank: int
    alpha: float
    rslora: bool

    @classmethod
    def load(cls, folder: Path) -> Adapter:
        """The adapter in `folder`.

        Raises `InvalidInputError` when its files are broken or hold other than finite numbers, `NotAvailableError`
        for a kind of adapter that is more than a low-rank change of linear layers.
        """
        try:
            config = orjson.loads((folder / CONFIG).read_bytes())
            rank, alpha = int(config["r"]), float(config["lora_alpha"])
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidInputError(f"The adapter's {CONFIG} cannot be read") from None
        _refuse_other_kinds(config)
        pairs = _pairs(tensors(folder / WEIGHTS), rank)
        return cls(pairs, rank, alpha, bool(config.get("use_rslora")))

    @property
    def scale(self) -> float:
        """What B·A is multiplied with."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)

    @property
    def is_dora(self) -> bool:
        return any(pair.magnitude is not None for pair in self.pairs.values())

    def merged(self, module: str, weight: Floats) -> Floats:
        """`weight` (outputs, inputs) of `module` with the adapter in it; float32."""
        pair = self.pairs[module]
        if weight.shape != (pair.b.shape[0], pair.a.shape[1]):
            raise InvalidInputError(
                f"The adapter's {module} is for weights of shape {(pair.b.shape[0], pair.a.shape[1])}, "
                f"but the base model's are {weight.shape}"
            )
        changed: Floats = weight + np.float32(self.scale) * (pair.b @ pair.a)
        if pair.magnitude is None:
            return changed
        return changed * (pair.magnitude / np.linalg.norm(changed, axis=1))[:, None]


def _refuse_other_kinds(config: Mapping[str, Any]) -> None:
    if config.get("peft_type", "LORA") != "LORA":
        raise NotAvailableError(f"Adapters of the kind {config['peft_type']} cannot be merged or converted")
    if config.get("fan_in_fan_out"):
        raise NotAvailableError(
            "Adapters of layers with transposed weights (GPT-2's Conv1D) cannot be merged or converted"
        )
    start = str(config.get("init_lora_weights", "")).lower()
    if start.startswith(_CHANGES_BASE):
        raise NotAvailableError(
            f"The adapter was saved against the base weights that '{start}' changed, not the base model's own; "
            "save it with PEFT's path_initial_model_for_weight_conversion"
        )
    for key in _OTHER_KINDS:
        if config.get(key):
            raise NotAvailableError(f"Adapters with {key} cannot be merged or converted")


def _pairs(found: Mapping[str, Tensor], rank: int) -> dict[str, Pair]:
    parts: dict[str, dict[str, Floats]] = {}
    for name, tensor in found.items():
        if name.endswith(_COPY_OF_BASE):
            continue
        part = next((each for each in _PARTS if name.endswith(each)), None)
        if part is None or not name.startswith(_PREFIX):
            raise NotAvailableError(
                f"The adapter's {name} is not a change of a linear layer, so it cannot be merged or converted"
            )
        values = tensor.floats()
        if not np.isfinite(values).all():
            raise InvalidInputError(f"The adapter's {name} holds numbers that are not finite")
        parts.setdefault(name[len(_PREFIX) : -len(part)], {})[part] = values
    if not parts:
        raise InvalidInputError("The adapter holds no weights")
    return {module: _pair(module, found_parts, rank) for module, found_parts in parts.items()}


def _pair(module: str, parts: Mapping[str, Floats], rank: int) -> Pair:
    if _PARTS[0] not in parts or _PARTS[1] not in parts:
        raise InvalidInputError(f"The adapter's {module} has only one of its two matrices")
    pair = Pair(parts[_PARTS[0]], parts[_PARTS[1]], parts.get(_PARTS[2]))
    if pair.a.ndim != 2 or pair.b.ndim != 2 or pair.a.shape[0] != rank or pair.b.shape[1] != rank:
        raise InvalidInputError(f"The adapter's matrices of {module} are not of rank {rank}")
    return pair
