"""A model's `config.json` as all readers understand it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOVED = ("rope_theta", "partial_rotary_factor")


def readable_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with what it says of rotary embeddings at its top too.

    transformers 5 writes it into `rope_parameters` alone; mlx-lm and the converters of llama.cpp and Ollama look
    for the top-level keys, and silently take other values when they are absent.
    """
    rope = config.get("rope_parameters")
    if not isinstance(rope, dict) or "rope_theta" not in rope:  # absent, or one set a layer type
        return dict(config)
    added = {key: rope[key] for key in _MOVED if key in rope}
    if rope.get("rope_type", "default") != "default":
        added["rope_scaling"] = {key: value for key, value in rope.items() if key not in _MOVED}
    return {**config, **{key: value for key, value in added.items() if config.get(key) is None}}
