"""A base model in MLX with a fresh LoRA adapter in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_mlx.rope import check_rope, rope_overrides
from whetstone.finetune.on_mlx.runtime import mx, nn, on_gpu, trees
from whetstone.finetune.spec import FineTuneSpec

_BITS = 4
_GROUP_SIZES = (64, 32)
_LORA = ("LoRALinear", "DoRALinear")


@dataclass(frozen=True, slots=True)
class Adapted:
    """`modules`: the adapted layers by full name; `targets`: names by which PEFT finds them; `base_parameters`: how
    many weights the base has (before quantization).
    """

    model: Any
    modules: dict[str, Any]
    targets: tuple[str, ...]
    base_parameters: int
    dtype: str


def adapted_model(folder: Path, spec: FineTuneSpec) -> Adapted:
    """Load the Hugging Face folder, freeze it and put the adapter in, whose first weights follow from the seed.

    `quantization` "4bit" is MLX's own grouped affine form, in the blocks' linear layers only, as QLoRA has it. Raises
    `InvalidInputError` for an architecture that mlx-lm does not know and for target modules that the model lacks.
    """
    model = _load(folder)
    base_parameters = sum(array.size for _, array in trees.tree_flatten(model.parameters()))
    dtype = _dtype(spec, model)
    model.set_dtype(dtype)
    if spec.quantization is not None:
        _quantize(model)
    model.freeze()
    targets = _put_adapter_in(model, spec)
    if spec.gradient_checkpointing:
        for layer in model.layers:
            _checkpoint(layer)
    mx.eval(model.parameters())
    modules = {name: each for name, each in model.named_modules() if type(each).__name__ in _LORA}
    return Adapted(model, modules, targets, base_parameters, str(dtype).rpartition(".")[2])


def _load(folder: Path) -> Any:
    from mlx_lm.utils import load_model  # takes seconds

    config = orjson.loads((folder / "config.json").read_bytes())
    try:
        model, _ = load_model(folder, lazy=True, model_config=rope_overrides(config))
    except ValueError as error:  # mlx-lm's word for an unknown architecture, and for weights that do not fit
        kind = config.get("model_type", "?")
        raise InvalidInputError(
            f"mlx-lm cannot load this {kind} model ({str(error)[:200]}); use the backend cpu or cuda, or another model"
        ) from error
    check_rope(model, config)
    return model


def _dtype(spec: FineTuneSpec, model: Any) -> Any:
    """float32 on the CPU, whose half-precision products are slow; on Metal bfloat16 unless the base is float32."""
    match spec.precision:
        case "fp32":
            return mx.float32
        case "bf16":
            return mx.bfloat16
    stored = {array.dtype for _, array in trees.tree_flatten(model.parameters())}
    return mx.bfloat16 if on_gpu() and stored & {mx.bfloat16, mx.float16} else mx.float32


def _quantize(model: Any) -> None:
    def settings(_: str, module: Any) -> Any:
        if not isinstance(module, nn.Linear):
            return False
        width = module.weight.shape[-1]
        size = next((size for size in _GROUP_SIZES if width % size == 0), None)
        return {"bits": _BITS, "group_size": size} if size is not None else False

    for layer in model.layers:
        nn.quantize(layer, class_predicate=settings)


def _put_adapter_in(model: Any, spec: FineTuneSpec) -> tuple[str, ...]:
    """Adapt the blocks' linear layers that the specification names; the names by which PEFT finds the same ones."""
    from mlx_lm.tuner.utils import linear_to_lora_layers

    linear = {
        name
        for layer in model.layers
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear | nn.QuantizedLinear)
    }
    if spec.target_modules == "all-linear":
        chosen = linear
        targets = tuple(sorted({name.rpartition(".")[2] for name in linear}))
    else:
        targets = spec.target_modules
        for target in targets:
            if not any(_names(target, name) for name in linear):
                known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
                raise InvalidInputError(f"targetModules: the model has no layer {target}; it has {known}")
        chosen = {name for name in linear if any(_names(target, name) for target in targets)}
    scale = spec.lora_alpha / (spec.lora_rank**0.5 if spec.use_rslora else spec.lora_rank)
    config = {"rank": spec.lora_rank, "scale": scale, "dropout": spec.lora_dropout, "keys": chosen}
    mx.random.seed(spec.seed)
    linear_to_lora_layers(model, len(model.layers), config, use_dora=spec.use_dora)
    if spec.init_lora_weights == "gaussian":
        for module in model.modules():
            if type(module).__name__ in _LORA:
                module.lora_a = mx.random.normal(module.lora_a.shape) / spec.lora_rank
    return targets


def _names(target: str, name: str) -> bool:
    """PEFT's rule: the whole name, or its last parts."""
    return name == target or name.endswith(f".{target}")


def _checkpoint(layer: Any) -> None:
    """Compute the layer's activations again on the way back. Of this layer only, not of its class as mlx-lm does."""
    original: Any = type(layer)

    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        if not self.training:
            return original.__call__(self, *arguments, **options)

        def inner(parameters: Any, *arguments: Any, **options: Any) -> Any:
            self.update(parameters)
            return original.__call__(self, *arguments, **options)

        return mx.checkpoint(inner)(self.trainable_parameters(), *arguments, **options)

    layer.__class__ = type(original.__name__, (original,), {"__call__": call})


class Selector:
    """Logits at chosen positions only: the last and widest product is made for those, with the model's own head.

    The model's inner part, which ends before the head, is made to return the chosen rows alone while this asks for
    them. Whether an architecture works that way is tried once; otherwise all logits are computed and then chosen.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._positions: Any = None
        self._inside = _wrap_inner(model, lambda: self._positions) and self._agrees()

    def logits(self, ids: Any, positions: Any, cache: Any = None) -> Any:
        """(positions, vocabulary) in float32 for `ids` (sequences, length); a position counts through all of them."""
        if not self._inside:
            every = self._model(ids, cache=cache)
            return every.reshape(-1, every.shape[-1])[positions].astype(mx.float32)
        self._positions = positions
        try:
            return self._model(ids, cache=cache)[0].astype(mx.float32)
        finally:
            self._positions = None

    def _agrees(self) -> bool:
        self._inside = False
        ids, positions = mx.array([[1, 2, 3], [3, 2, 1]]), mx.array([1, 5])
        every = self.logits(ids, positions)
        self._inside = True
        try:
            chosen = self.logits(ids, positions)
        except (ValueError, TypeError, AttributeError, IndexError):
            return False
        return chosen.shape == every.shape and bool(mx.allclose(chosen, every, rtol=1e-2, atol=1e-2).item())


def _wrap_inner(model: Any, positions: Callable[[], Any]) -> bool:
    inner = getattr(getattr(model, "language_model", model), "model", None)
    if not isinstance(inner, nn.Module):
        return False
    original: Any = type(inner)

    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        hidden = original.__call__(self, *arguments, **options)
        chosen = positions()
        return hidden if chosen is None else hidden.reshape(-1, hidden.shape[-1])[chosen][None]

    inner.__class__ = type(original.__name__, (original,), {"__call__": call})
    return True
