"""A dry run: what a job would do, and about how long and how much memory it would take.

`python -m whetstone.finetune.estimate <spec.json>` prints one JSON object and exits with 0; `{"error": sentence}` and 1
when the job would be refused. A process of its own, because the libraries that it needs are not for the server.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from whetstone.errors import WhetstoneError
from whetstone.finetune.data.preview import preview
from whetstone.finetune.ground import Ground, load_base, prepare_rows
from whetstone.finetune.machine_check import check_machine, needed_memory
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings

# Shares of the rate of plain matrix products that a whole step reaches, as `benchmarks/finetune` measures them.
_EFFICIENCY = 0.55
_VALIDATION_AND_PROOF = 1.3
_GEMM_SHAPE = (512, 576, 1536)
_GEMM_SECONDS = 0.3


def main() -> int:
    """Read the specification, print the estimate."""
    spec = FineTuneSpec.model_validate_json(Path(sys.argv[1]).read_bytes())
    try:
        answer, code = estimate(spec, Settings()), 0
    except WhetstoneError as error:
        answer, code = {"error": error.message}, 1
    sys.stdout.buffer.write(orjson.dumps(answer))
    return code


def estimate(spec: FineTuneSpec, settings: Settings) -> dict[str, Any]:
    """Rows, tokens, steps, and about how many `seconds` and `memoryBytes`; raises what the job would fail with.

    `seconds` is null for accelerators, whose pace only a run shows.
    """
    base = load_base(spec, settings, lambda _: None)
    ground = prepare_rows(base, spec, settings)
    notes = list(ground.prepared.report["notes"])
    try:
        check_machine(ground, spec, settings)
    except WhetstoneError as error:
        notes.append(error.message)
    shown = preview(spec, ground.prepared, ground.plan)
    return {
        **shown,
        "backend": spec.backend,
        "model": base.ref.name,
        "memoryBytes": needed_memory(ground, spec),
        "seconds": _seconds(ground, spec, shown["tokensToTrain"]),
        "notes": notes,
    }


def _seconds(ground: Ground, spec: FineTuneSpec, tokens: int) -> int | None:
    if spec.backend != "cpu":
        return None
    work = tokens * flop_per_token(ground.base.config, _learnt_share(ground))
    return round(work / (gemm_rate() * _EFFICIENCY) * _VALIDATION_AND_PROOF)


def _learnt_share(ground: Ground) -> float:
    sequences = [each for example in ground.prepared.train for each in example.sequences]
    return sum(int(each.learnt.sum()) for each in sequences) / sum(each.tokens for each in sequences)


def flop_per_token(config: Mapping[str, Any], learnt_share: float) -> float:
    """Floating-point operations of learning one token with LoRA: forward, and backward without the base's gradient.

    4 a weight of the layers, and of the head for the share of tokens that are learnt; attention and adapter left out.
    """
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    heads = config["num_attention_heads"]
    head_size = config.get("head_dim") or hidden // heads
    keys = config.get("num_key_value_heads") or heads
    attention = hidden * head_size * (2 * heads + 2 * keys)
    feed_forward = 3 * hidden * config["intermediate_size"]
    return 4.0 * (layers * (attention + feed_forward) + learnt_share * hidden * config["vocab_size"])


def gemm_rate() -> float:
    """Floating-point operations a second of this machine's float32 matrix products, at a small model's shapes."""
    rows, inner, columns = _GEMM_SHAPE
    left = np.ones((rows, inner), np.float32)
    right = np.ones((inner, columns), np.float32)
    left @ right  # the first one starts the threads
    started, products = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < _GEMM_SECONDS:
        left @ right
        products += 1
    return 2.0 * rows * inner * columns * products / passed


if __name__ == "__main__":
    sys.exit(main())
