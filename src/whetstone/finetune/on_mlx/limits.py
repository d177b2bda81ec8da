"""What the mlx backend cannot do, known without MLX: a request is refused before its job is queued."""

from __future__ import annotations

from whetstone.errors import InvalidInputError
from whetstone.finetune.spec import FineTuneSpec

_STARTS = ("default", "gaussian")


def check_mlx_options(spec: FineTuneSpec) -> None:
    """Raise `InvalidInputError` that names the first option with which MLX cannot train, and what to do instead."""
    if spec.processes > 1:
        raise InvalidInputError(
            "processes: the mlx backend trains in one process; set it to 1 or leave it out"
        )
    if spec.init_lora_weights not in _STARTS:
        raise InvalidInputError(
            f"initLoraWeights: the mlx backend knows default and gaussian, not {spec.init_lora_weights}; "
            "use one of them, or the backend cpu or cuda"
        )
