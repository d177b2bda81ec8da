"""A run's state in files: safetensors and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_mlx.runtime import mx, optimizers, trees

ARRAYS = "mlx_state.safetensors"
FACTS = "mlx_state.json"

_ADAPTER = "adapter."
_OPTIMIZER = "optimizer."


def write_state(folder: Path, adapter: Mapping[str, Any], optimizer: Any, facts: Mapping[str, int]) -> None:
    """Write the adapter's arrays, the optimizer's, and plain `facts` into the existing `folder`."""
    arrays = {_ADAPTER + name: array for name, array in adapter.items()}
    arrays |= {_OPTIMIZER + name: array for name, array in trees.tree_flatten(optimizer.state)}
    mx.save_safetensors(str(folder / ARRAYS), arrays)
    (folder / FACTS).write_bytes(orjson.dumps(dict(facts)))


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """(adapter's arrays by name, the optimizer's state as a tree, facts), in memory."""
    try:
        arrays = mx.load(str(folder / ARRAYS))
        facts = orjson.loads((folder / FACTS).read_bytes())
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidInputError(
            "The checkpoint cannot be read as one of the mlx backend; start the job anew"
        ) from error
    mx.eval(arrays)  # mx.load is lazy, and the file may be gone later
    adapter = {
        name.removeprefix(_ADAPTER): each for name, each in arrays.items() if name.startswith(_ADAPTER)
    }
    moments = [
        (name.removeprefix(_OPTIMIZER), each) for name, each in arrays.items() if name.startswith(_OPTIMIZER)
    ]
    return adapter, trees.tree_unflatten(moments), facts


def new_optimizer(weight_decay: float) -> Any:
    """AdamW with torch's defaults and bias correction. The learning rate is set at every step."""
    return optimizers.AdamW(learning_rate=0.0, weight_decay=weight_decay, bias_correction=True)
