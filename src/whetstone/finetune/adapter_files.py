"""The names of an adapter's files, in PEFT's layout."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final = "adapter_model.safetensors"
CONFIG: Final = "adapter_config.json"
