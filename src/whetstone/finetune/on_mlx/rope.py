"""Rotary embeddings as the base's config means them.

transformers 5 writes `rope_parameters: {rope_theta, rope_type, ...}` and no `rope_theta` or `rope_scaling`; most of
mlx-lm's architectures read only the latter two and silently take their defaults, which gives a worse model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.finetune.bases.config import readable_config


def rope_overrides(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keys to add to a `config.json`'s content so that both spellings are there; empty when nothing is missing."""
    return {key: value for key, value in readable_config(config).items() if config.get(key) != value}


def check_rope(model: Any, config: Mapping[str, Any]) -> None:
    """Raise `InvalidInputError` unless the loaded `model` rotates with the base frequency of its config.

    Only plain rotations (`nn.RoPE`) show their base; scaled ones keep frequencies that were computed from it.
    """
    wanted = _thetas(config)
    if not wanted:
        return
    for name, module in model.named_modules():
        base = module.get("base", getattr(module, "base", None)) if type(module).__name__ == "RoPE" else None
        if base is not None and float(base) not in wanted:
            raise InvalidInputError(
                f"mlx-lm loads this model with the rope base {float(base):g} in {name}, but its config.json says "
                f"{', '.join(f'{each:g}' for each in sorted(wanted))}; write rope_theta into the config.json"
            )


def _thetas(value: Any, key: str = "") -> set[float]:
    """Every base frequency named anywhere in a config."""
    if isinstance(value, Mapping):
        return {theta for name, each in value.items() for theta in _thetas(each, str(name))}
    named = key.endswith(("rope_theta", "base_freq"))
    return {float(value)} if named and isinstance(value, int | float) else set()
