"""Base and adapter as one model: a Hugging Face folder of safetensors that any trainer or server can load.

Computed tensor by tensor in float32 and rounded to the type that the base stores, so memory stays at one tensor,
whatever the size of the model, and no framework is needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from whetstone.errors import NotAvailableError
from whetstone.files import sync_file, write_json
from whetstone.finetune.bases.config import readable_config
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.tensors import (
    FLOATS,
    INDEX,
    Bytes,
    Slot,
    Tensor,
    pack,
    tensors,
    weight_files,
    write,
)

TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)
_OTHER_FILES: Final = ("generation_config.json", "LICENSE", "LICENSE.txt", "NOTICE")


def write_merged(adapter: Adapter, base: Path, target: Path) -> None:
    """Write the merged model of the Hugging Face folder `base` into the new folder `target`.

    Raises `NotAvailableError` when this base or adapter cannot be merged; then `target` holds nothing useful.
    """
    config = orjson.loads((base / "config.json").read_bytes())
    files = {path: tensors(path) for path in weight_files(base)}
    check_mergeable(adapter, config, {name: each for found in files.values() for name, each in found.items()})
    target.mkdir()
    for path, found in files.items():
        slots = [Slot(each.name, each.dtype, each.shape, each.raw.nbytes) for each in found.values()]
        write(target / path.name, slots, _contents(adapter, found.values()))
    write_json(target / "config.json", readable_config(config))
    copy_files(base, target, (*TOKENIZER_FILES, *_OTHER_FILES, INDEX))


def check_mergeable(adapter: Adapter, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raises `NotAvailableError` when the adapter does not fit the base's tensors."""
    if config.get("quantization_config"):
        raise NotAvailableError(
            "The base model's weights are quantized; an adapter cannot be merged into them"
        )
    for module in adapter.pairs:
        if module == "lm_head" and f"{module}.weight" not in weights:
            raise NotAvailableError(
                "The base model's output layer shares its weights with the input embeddings, so an adapter of lm_head "
                "cannot be merged; leave lm_head out of targetModules"
            )
        tensor = weights.get(f"{module}.weight")
        if tensor is None:
            raise NotAvailableError(
                f"The base model has no weights of the name {module}.weight to merge into"
            )
        if tensor.dtype not in FLOATS:
            raise NotAvailableError(
                f"The base model's weights are stored as {tensor.dtype}; only F32, F16 and BF16 can be merged"
            )


def _contents(adapter: Adapter, found: Iterable[Tensor]) -> Iterator[Bytes]:
    for tensor in found:
        module = tensor.name.removesuffix(".weight")
        if module in adapter.pairs:
            yield pack(adapter.merged(module, tensor.floats()), tensor.dtype)
        else:
            yield tensor.raw


def copy_files(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy those of `names` that `source` has; links are followed, the copies fsynced."""
    for name in names:
        if (source / name).is_file():
            copy_file(source / name, target / name)


def copy_file(source: Path, target: Path) -> None:
    """A durable copy of one file's bytes."""
    shutil.copyfile(source, target)
    sync_file(target)
