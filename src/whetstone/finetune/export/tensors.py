"""Safetensors files read and written tensor by tensor with NumPy alone, bfloat16 included.

The format: 8 bytes little-endian length, a JSON header `{name: {dtype, shape, data_offsets}}`, the bytes
(https://huggingface.co/docs/safetensors). Own code, because the library's NumPy side knows no bfloat16 and its writer
wants all tensors at once.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from whetstone.errors import InvalidInputError

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = frozenset({"F32", "F16", "BF16"})
"""Types that `Tensor.floats` and `pack` know."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor on disk; `raw` are its mapped bytes, read when touched."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: Bytes

    def floats(self) -> Floats:
        """Its values as float32 of its shape (a copy). Raises `InvalidInputError` for other than `FLOATS`."""
        if self.dtype == "BF16":
            wide = self.raw.view("<u2").astype(np.uint32) << 16
            return wide.view(np.float32).reshape(self.shape)
        if self.dtype not in FLOATS:
            raise InvalidInputError(
                f"The weights {self.name} are stored as {self.dtype}; only F32, F16 and BF16 can be merged"
            )
        return self.raw.view("<f4" if self.dtype == "F32" else "<f2").astype(np.float32).reshape(self.shape)


def pack(values: Floats, dtype: str) -> Bytes:
    """The bytes of `values` as F32, F16 or BF16, rounded to the nearest (ties to even)."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    if dtype == "BF16":
        bits = flat.view(np.uint32)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        # Rounding must not turn a NaN into infinity or wrap it.
        return np.where(np.isnan(flat), np.uint16(0x7FC0), rounded).astype("<u2").view(np.uint8)
    return flat.astype({"F32": "<f4", "F16": "<f2"}[dtype]).view(np.uint8)


def tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of one file, in the order of their bytes. Raises `InvalidInputError` for a broken file."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size:
                raise ValueError("header longer than the file")
            header = orjson.loads(file.read(length))
        header.pop("__metadata__", None)
        content = (
            np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length) if size > 8 + length else _EMPTY
        )
        found = [_tensor(name, entry, content) for name, entry in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise InvalidInputError(f"{path.name} is not a whole safetensors file: {error}") from None
    return {
        tensor.name: tensor for tensor in sorted(found, key=lambda each: header[each.name]["data_offsets"])
    }


_EMPTY: Bytes = np.empty(0, np.uint8)


def _tensor(name: str, entry: Mapping[str, Any], content: Bytes) -> Tensor:
    begin, end = entry["data_offsets"]
    shape = tuple(int(each) for each in entry["shape"])
    # Types of other widths (8-bit floats) are carried as bytes.
    expected = int(np.prod(shape, dtype=np.int64)) * _WIDTHS.get(entry["dtype"], 0) or end - begin
    if not 0 <= begin <= end <= len(content) or end - begin != expected:
        raise ValueError(f"the bytes of {name} are not all there")
    return Tensor(name, str(entry["dtype"]), shape, content[begin:end])


def weight_files(folder: Path) -> list[Path]:
    """The model's weight files: one, or the parts that its index names.

    Raises `InvalidInputError` when there are none.
    """
    index = folder / INDEX
    if index.is_file():
        try:
            names = sorted(set(orjson.loads(index.read_bytes())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise InvalidInputError(f"{INDEX} of the base model cannot be read") from None
        files = [folder / Path(str(name)).name for name in names]
    else:
        files = [folder / WEIGHTS]
    if missing := [file.name for file in files if not file.is_file()]:
        raise InvalidInputError(f"The base model's weights {missing[0]} are missing")
    return files


@dataclass(frozen=True, slots=True)
class Slot:
    """A tensor that will be written: name, type as safetensors calls it, shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


def write(path: Path, slots: Iterable[Slot], contents: Iterator[Bytes]) -> None:
    """Write a new file, taking the bytes of one tensor at a time, in the order of `slots`; fsynced."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset, sizes = 0, []
    for slot in slots:
        end = offset + slot.nbytes
        header[slot.name] = {"dtype": slot.dtype, "shape": slot.shape, "data_offsets": [offset, end]}
        sizes.append(slot.nbytes)
        offset = end
    head = orjson.dumps(header)
    head += b" " * (-len(head) % 8)
    with path.open("xb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for size, content in zip(sizes, contents, strict=True):
            _write(file, content, size)
        file.flush()
        os.fsync(file.fileno())


def _write(file: BinaryIO, content: Bytes, size: int) -> None:
    if content.nbytes != size:
        raise ValueError(f"{content.nbytes} bytes where {size} were announced")
    file.write(content.data)
