"""A model's `config.json` as all readers understand it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def readable_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `rope_theta` and `rope_scaling` at its top too.

    transformers 5 writes both into `rope_parameters` alone; mlx-lm and the converters of llama.cpp and Ollama look
    for the top-level keys, and silently take another rotary base when they are absent.
    """
    rope = config.get("rope_parameters")
    if not isinstance(rope, dict) or "rope_theta" not in rope:  # absent, or one set a layer type
        return dict(config)
    added: dict[str, Any] = {"rope_theta": rope["rope_theta"]}
    if rope.get("rope_type", "default") != "default":
        added["rope_scaling"] = {key: value for key, value in rope.items() if key != "rope_theta"}
    return {**config, **{key: value for key, value in added.items() if config.get(key) is None}}
