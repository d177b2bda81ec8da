"""The adapter as a GGUF file, which llama.cpp and Ollama load beside their own copy of the base model.

Layout as llama.cpp's loader reads it (`src/llama-adapter.cpp`): keys `general.type = adapter`, `adapter.type = lora`,
`adapter.lora.alpha`; for each weight W the tensors `W.lora_a` (rank, inputs) and `W.lora_b` (outputs, rank). llama.cpp
scales by alpha / rank, so the alpha of a rank-stabilised adapter is written times the root of its rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

from whetstone.errors import NotAvailableError
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import Architecture
from whetstone.finetune.export.tensors import Floats

_OUTSIDE_LAYERS: Final = ("lm_head", "embed_tokens")


def gguf_tensors(adapter: Adapter, architecture: Architecture) -> Iterator[tuple[str, Floats]]:
    """Names and float32 values of the file's tensors. Raises `NotAvailableError` for what GGUF cannot hold."""
    if adapter.is_dora:
        raise NotAvailableError(
            "A GGUF adapter cannot hold DoRA's magnitudes; use the merged model instead (exports: merged, gguf)"
        )
    for module, pair in adapter.pairs.items():
        if module.rsplit(".", 1)[-1] in _OUTSIDE_LAYERS:
            raise NotAvailableError(
                f"A GGUF adapter cannot change {module}; use the merged model instead (exports: merged, gguf)"
            )
        name = architecture.tensor(module)
        yield f"{name}.lora_a", pair.a
        # W' = W + B A: the outputs are the rows of B.
        yield f"{name}.lora_b", architecture.order(module, pair.b)


def write_gguf_adapter(adapter: Adapter, config: Mapping[str, Any], path: Path, name: str) -> None:
    """Write `path`; `config` is the base model's config.json, `name` what the file calls itself.

    Raises `NotAvailableError` where llama.cpp cannot apply such an adapter; then nothing is left at `path`.
    """
    architecture = Architecture.of(config)
    tensors = list(gguf_tensors(adapter, architecture))
    with closing(gguf.GGUFWriter(path, architecture.name)) as writer:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(adapter.scale * adapter.rank))
        writer.add_name(name)
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        for tensor, values in tensors:
            writer.add_tensor(tensor, np.ascontiguousarray(values, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
