"""A dry run: what a job would do, and about how long and how much memory it would take.

`python -m whetstone.finetune.estimate <spec.json>` prints one JSON object and exits with 0; `{"error": sentence,
"status": HTTP status}` and 1 when the job would be refused. A process of its own, because the libraries that it needs are not for the server.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from whetstone.errors import InvalidInputError, WhetstoneError
from whetstone.finetune.bases.hub_cache import cached_snapshot
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import Base
from whetstone.finetune.data.preview import preview
from whetstone.finetune.ground import Ground, load_base, prepare_rows
from whetstone.finetune.machine_check import check_machine, needed_memory
from whetstone.finetune.on_torch.memory import Shape
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
    settings = Settings()
    if (missing := settings.train_niceness - os.nice(0)) > 0:
        os.nice(missing)
    answer: dict[str, Any]
    try:
        answer, code = estimate(spec, settings), 0
    except WhetstoneError as error:
        answer, code = {"error": error.message, "status": error.status}, 1
    sys.stdout.buffer.write(orjson.dumps(answer))
    return code


def estimate(spec: FineTuneSpec, settings: Settings) -> dict[str, Any]:
    """Rows, tokens, steps, and about how many `seconds` and `memoryBytes`; raises what the job would fail with.

    `seconds` is null for accelerators, whose pace only a run shows.
    """
    base = _present_base(spec, settings)
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


def _present_base(spec: FineTuneSpec, settings: Settings) -> Base:
    """The base model, of which nothing is downloaded for an estimate."""
    ref = find_base(spec.model, settings)
    if ref.kind == "hub" and cached_snapshot(ref.location, ref.revision, settings) is None:
        raise InvalidInputError(
            f"The base model {ref.name!r} is not on this machine yet; a dry run downloads nothing. Start the job, "
            "or fetch the model first"
        )
    return load_base(spec, settings.model_copy(update={"hub_offline": True}), lambda _: None)


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
    shape = Shape(config)
    return 4.0 * (shape.used_weights + learnt_share * shape.hidden * shape.vocabulary)


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
