"""How fast this machine multiplies the model's matrices: `{"wall": FLOP/s, "cpu": FLOP a processor second}` in a line.

In a process of its own, as forward (x·Wᵀ) and backward (y·W) multiply them, with as many rows as a batch has tokens. Reads
`{"model", "rows", "learnt", "threads", "device"}` from standard input.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from benchmarks.finetune.work import Shapes

Product = tuple[Any, Any, Any]
"""Input, weights, and the gradient of the output."""

_SECONDS = 5.0


def main() -> None:
    """Multiply for some seconds."""
    asked = json.loads(sys.stdin.read())
    torch.set_num_threads(asked["threads"])
    shapes = Shapes.of(Path(asked["model"]))
    rows, learnt = asked["rows"], max(1, round(asked["rows"] * asked["learnt"]))
    # Layers have weights of their own, since a processor's caches would hold those of a single one.
    products = [
        _product(asked["device"], rows, *shape) for _ in range(shapes.layers) for shape in shapes.linear
    ]
    products.append(_product(asked["device"], learnt, *shapes.head))
    each = sum(4 * x.shape[0] * w.numel() for x, w, _ in products)
    results = {(x.shape, y.shape): (torch.empty_like(x), torch.empty_like(y)) for x, _, y in products}
    _pass(products, results)
    wall, cpu, passes = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - wall < _SECONDS:
        _pass(products, results)
        passes += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": passes * each / wall, "cpu": passes * each / cpu}))


def _product(device: str, rows: int, inputs: int, outputs: int) -> Product:
    kind = {"device": device, "dtype": torch.bfloat16 if device == "cuda" else torch.float32}
    weights = torch.randn(outputs, inputs, **kind)
    return torch.randn(rows, inputs, **kind), weights, torch.randn(rows, outputs, **kind)


def _pass(products: list[Product], results: dict[Any, tuple[Any, Any]]) -> None:
    """Into memory that is there already: what fresh memory costs is no arithmetic."""
    for x, w, y in products:
        forward, backward = results[x.shape, y.shape][::-1]
        torch.matmul(x, w.T, out=forward)
        torch.matmul(y, w, out=backward)
    if products[0][0].is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
