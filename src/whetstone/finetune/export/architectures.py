"""Model families whose tensors we can name and order as llama.cpp does.

llama.cpp renames the tensors of a Hugging Face model, and for some families it also reorders the rows of the query
and key projections, because there its rotary embedding pairs neighbours where transformers pairs halves of a head
(llama.cpp, `conversion/llama.py`, `LlamaModel.permute`; which families: `undo_permute` there). An adapter or a merged
tensor in the wrong order loads without a complaint and answers wrongly, so a family that is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import gguf
import numpy as np

from whetstone.errors import NotAvailableError
from whetstone.finetune.export.tensors import Floats

FAMILIES: Final[dict[str, tuple[str, bool]]] = {
    "llama": ("llama", True),
    "mistral": ("llama", True),
    "mixtral": ("llama", True),
    "arcee": ("arcee", True),
    "granite": ("granite", True),
    "smollm3": ("smollm3", True),
    "qwen2": ("qwen2", False),
    "qwen3": ("qwen3", False),
    "gemma": ("gemma", False),
    "gemma2": ("gemma2", False),
    "gemma3_text": ("gemma3", False),
    "phi3": ("phi3", False),
}
"""`model_type` of config.json: llama.cpp's name of the architecture, and whether it reorders q and k."""


@dataclass(frozen=True)
class Architecture:
    """How one model's tensors look in a GGUF file."""

    name: str
    layers: int
    heads: int
    kv_heads: int
    reorders: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Architecture:
        """The architecture of a Hugging Face configuration. Raises `NotAvailableError` for an unknown family."""
        family = str(config.get("model_type", ""))
        if family not in FAMILIES:
            raise NotAvailableError(
                f"How llama.cpp orders the weights of '{family}' models is not known here, so no GGUF file was "
                "written; the PEFT adapter is complete"
            )
        name, reorders = FAMILIES[family]
        heads = int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        return cls(name, int(config["num_hidden_layers"]), heads, kv_heads, reorders)

    @cached_property
    def _names(self) -> Any:
        known = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}
        return gguf.get_tensor_name_map(known[self.name], self.layers)

    def tensor(self, module: str) -> str:
        """Name in GGUF of the weight of `module` (such as `model.layers.0.self_attn.q_proj`).

        Raises `NotAvailableError` where llama.cpp has no such tensor.
        """
        name = self._names.get_name(module)
        if name is None:
            raise NotAvailableError(
                f"llama.cpp has no place for an adapter of {module}, so no GGUF file was written; "
                "the PEFT adapter is complete"
            )
        return f"{name}.weight"

    def order(self, module: str, rows: Floats) -> Floats:
        """`rows` (outputs of `module` first) in llama.cpp's order."""
        layer = module.rsplit(".", 1)[-1]
        if not self.reorders or layer not in {"q_proj", "k_proj"}:
            return rows
        heads = self.heads if layer == "q_proj" else self.kv_heads
        half = rows.shape[0] // heads // 2
        pairs = rows.reshape(heads, 2, half, *rows.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))
