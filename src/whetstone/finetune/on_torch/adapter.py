"""The adapter's files in PEFT's layout, valid for the untouched base whatever the adapter's first weights were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from whetstone.errors import InvalidInputError
from whetstone.finetune.adapter_files import CONFIG, WEIGHTS
from whetstone.finetune.on_torch.limits import CHANGES_BASE
from whetstone.finetune.spec import FineTuneSpec

_NAME = "default"


@dataclass
class FirstWeights:
    """PiSSA (Meng et al. 2024) and OLoRA (Büyükakyüz 2024) take their first weights out of the base: W is trained as
    (W - s B0 A0) + s B A. `values` holds all first values of the adapter by parameter name, empty for other inits.

    The original base answers when the first values are in place, and s (B A - B0 A0), twice the rank, is what makes
    the tuned model from it. `scale` is s.
    """

    values: dict[str, Any]
    scale: float

    @classmethod
    def of(cls, model: Any, spec: FineTuneSpec) -> FirstWeights:
        scale = spec.lora_alpha / (spec.lora_rank**0.5 if spec.use_rslora else spec.lora_rank)
        if spec.init_lora_weights not in CHANGES_BASE:
            return cls({}, scale)
        return cls({name: each.detach().clone() for name, each in _trained(model).items()}, scale)

    @contextmanager
    def answering(self, model: Any, *, tuned: bool) -> Iterator[None]:
        """Inside, the model is the tuned one or the base."""
        if tuned:
            yield
        elif not self.values:
            with model.disable_adapter():
                yield
        else:
            trained = _trained(model)
            now = {name: each.detach().clone() for name, each in trained.items()}
            _put(trained, self.values)
            try:
                yield
            finally:
                _put(trained, now)

    def replace(self, model: Any, values: Mapping[str, Any]) -> None:
        """Other first values than these (another machine rounds differently): the base's remainder follows them."""
        layers = dict(model.named_modules())
        for name in [name for name in self.values if ".lora_A." in name]:
            other = name.replace(".lora_A.", ".lora_B.")
            pairs = [(each[other].float(), each[name].float()) for each in (self.values, values)]
            if all(torch.equal(*each) for each in zip(*pairs, strict=True)):
                continue
            weight = layers[name.partition(".lora_A.")[0]].get_base_layer().weight
            (b, a), (new_b, new_a) = pairs
            weight.data += (self.scale * (b @ a - new_b @ new_a)).to(weight.dtype)
        _put(self.values, values)


def save(model: Any, spec: FineTuneSpec, first: FirstWeights, folder: Path) -> None:
    """Write weights and configuration. The base is named as the specification names it, never by a path here."""
    tensors = get_peft_model_state_dict(model, adapter_name=_NAME, save_embedding_layers=False)
    config = model.peft_config[_NAME].to_dict()
    config |= {"inference_mode": True, "base_model_name_or_path": _base_name(spec), "revision": None}
    if first.values:
        rank = 2 * spec.lora_rank
        config |= {"r": rank, "lora_alpha": rank, "use_rslora": False, "init_lora_weights": True}
        starts = {name.replace(f".{_NAME}.", "."): each for name, each in first.values.items()}
        for key in tensors:
            if ".lora_A." in key:
                tensors[key] = torch.cat([tensors[key], starts[key]], 0)
            elif ".lora_B." in key:
                tensors[key] = torch.cat([tensors[key], -starts[key]], 1) * first.scale
    save_file(
        {key: each.detach().cpu().contiguous() for key, each in tensors.items()},
        folder / WEIGHTS,
        {"format": "pt"},
    )
    (folder / CONFIG).write_bytes(
        orjson.dumps(_plain(config), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    )


def load(model: Any, first: FirstWeights, folder: Path) -> None:
    """Take the weights that `save` wrote for a specification like this one's.

    Raises `InvalidInputError` when they belong to other layers or another rank.
    """
    there = load_file(folder / WEIGHTS)
    trained = _trained(model)
    keys = {name: _key(name) for name in trained}
    if set(keys.values()) != set(there):
        raise InvalidInputError("This adapter is for other layers than those of this job")
    values = {name: there[key] for name, key in keys.items()}
    if first.values:
        values, starts = _halves(values, first.scale)
        first.replace(
            model, first.values | {name: each.to(first.values[name].device) for name, each in starts.items()}
        )
    for name, each in values.items():
        if each.shape != trained[name].shape:
            raise InvalidInputError("This adapter has another rank than this job's")
    _put(trained, values)


def _halves(values: Mapping[str, Any], scale: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trained and first values of an adapter of twice the rank."""
    trained, starts = dict(values), {}
    for name, each in values.items():
        if ".lora_A." in name:
            trained[name], starts[name] = each.chunk(2, 0)
        elif ".lora_B." in name:
            one, other = each.chunk(2, 1)
            trained[name], starts[name] = one / scale, -other / scale
    return trained, starts


def _trained(model: Any) -> dict[str, Any]:
    return {name: each for name, each in model.named_parameters() if each.requires_grad}


def _key(name: str) -> str:
    """PEFT's key in a file for a parameter of this name."""
    if ".lora_magnitude_vector." in name:
        return name.replace(f".{_NAME}.weight", "")
    return name.replace(f".{_NAME}.", ".")


def _put(into: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    with torch.no_grad():
        for name, each in values.items():
            into[name].copy_(each)


def _base_name(spec: FineTuneSpec) -> str:
    name = spec.model or ""
    return "" if Path(name).is_absolute() else name


def _plain(value: Any) -> Any:
    """JSON's types, sets in order."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return (
        value
        if value is None or isinstance(value, bool | int | float)
        else str(getattr(value, "value", value))
    )
