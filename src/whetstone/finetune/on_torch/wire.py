"""Messages between the processes of one data-parallel job, over pipes that only they hold: JSON and raw arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from whetstone.finetune.data.types import Batch

_FIELDS = ("ids", "labels", "lengths", "reference", "desirable")


def send(pipe: int, content: dict[str, Any], arrays: Sequence[Any] = ()) -> None:
    """Write one message. Raises `BrokenPipeError` when the other side is gone."""
    shapes = [[each.dtype.str, each.shape] for each in arrays]
    head = orjson.dumps({"content": content, "arrays": shapes})
    _write(pipe, len(head).to_bytes(8, "little") + head)
    for each in arrays:
        _write(pipe, np.ascontiguousarray(each).tobytes())


def receive(pipe: int) -> tuple[dict[str, Any], list[Any]]:
    """Read one message. Raises `EOFError` when the other side is gone."""
    head = orjson.loads(_read(pipe, int.from_bytes(_read(pipe, 8), "little")))
    arrays = []
    for kind, shape in head["arrays"]:
        dtype = np.dtype(kind)
        data = _read(pipe, dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return head["content"], arrays


def batches_to_arrays(batches: Sequence[Batch]) -> tuple[list[dict[str, Any]], list[Any]]:
    """What `batches_from_arrays` needs to make them again: their facts and their arrays."""
    facts, arrays = [], []
    for batch in batches:
        there = [name for name in _FIELDS if getattr(batch, name) is not None]
        facts.append({"fields": there, "examples": batch.examples})
        arrays += [getattr(batch, name) for name in there]
    return facts, arrays


def batches_from_arrays(facts: Sequence[dict[str, Any]], arrays: Sequence[Any]) -> list[Batch]:
    """The batches that `batches_to_arrays` took apart."""
    left = iter(arrays)
    return [
        Batch(examples=tuple(each["examples"]), **{name: next(left).copy() for name in each["fields"]})
        for each in facts
    ]


def _write(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]


def _read(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
