"""What the torch backends cannot do, known without torch: a request is refused before its job is queued."""

from __future__ import annotations

import importlib.util

from whetstone.errors import InvalidInputError
from whetstone.finetune.spec import FineTuneSpec

CHANGES_BASE = ("pissa", "olora")
"""First weights that are taken out of the base's: what is trained is the base's remainder and the adapter."""


def check_torch_options(spec: FineTuneSpec) -> None:
    """Raise `InvalidInputError` that names the first option with which torch cannot train, and what to do instead."""
    if spec.quantization is not None:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise InvalidInputError("quantization needs the package bitsandbytes: install whetstone[cuda]")
        if spec.init_lora_weights in CHANGES_BASE:
            raise InvalidInputError(
                f"initLoraWeights {spec.init_lora_weights} changes the base's weights, which 4 bits cannot hold: "
                "use another one, or no quantization"
            )
    if spec.init_lora_weights == "orthogonal" and spec.lora_rank % 2:
        raise InvalidInputError(f"initLoraWeights orthogonal needs an even loraRank, not {spec.lora_rank}")


def check_gpus(spec: FineTuneSpec, gpus: int) -> None:
    """Raise `InvalidInputError` when a job for cuda wants more processes than there are `gpus`."""
    if spec.backend == "cuda" and spec.processes > gpus:
        raise InvalidInputError(
            f"processes: each one needs a GPU of its own, and this machine has {gpus}; set it to at most that"
        )
