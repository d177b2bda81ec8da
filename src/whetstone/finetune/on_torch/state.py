"""All that the next step depends on, in safetensors and JSON: adapter, optimizer, random state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors.torch import load_file, save_file

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_torch.adapter import FirstWeights
from whetstone.finetune.on_torch.weights import FlatWeights

TENSORS = "state.safetensors"
FACTS = "state.json"


def random_state(device: Any) -> dict[str, Any]:
    """This process's random state as byte tensors."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def save(weights: FlatWeights, first: FirstWeights, random: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write the state; `random` holds `random_state` of each process, in order."""
    moments = weights.optimizer.state[weights.values]
    tensors = {"adapter": weights.values.data}
    if moments:
        tensors |= {"exp_avg": moments["exp_avg"], "exp_avg_sq": moments["exp_avg_sq"]}
    tensors |= {f"first.{name}": each for name, each in first.values.items()}
    for rank, states in enumerate(random):
        tensors |= {f"random.{rank}.{kind}": each for kind, each in states.items()}
    save_file({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, folder / TENSORS)
    facts = {
        "steps": int(moments["step"]) if moments else 0,
        "processes": len(random),
        "layout": weights.layout(),
        "torch": torch.__version__,
    }
    (folder / FACTS).write_bytes(orjson.dumps(facts))


def load(weights: FlatWeights, first: FirstWeights, model: Any, device: Any, rank: int, folder: Path) -> None:
    """Put a state back, as process `rank`.

    Raises `InvalidInputError` when it was written with another adapter or number of processes.
    """
    facts = orjson.loads((folder / FACTS).read_bytes())
    if facts["layout"] != weights.layout():
        raise InvalidInputError("This state belongs to another model or another adapter than this job's")
    tensors = load_file(folder / TENSORS)
    weights.values.data.copy_(tensors["adapter"])
    moments = weights.optimizer.state[weights.values]
    moments.clear()
    if facts["steps"]:
        for name in ("exp_avg", "exp_avg_sq"):
            moments[name] = tensors[name].to(device)
        moments["step"] = torch.tensor(float(facts["steps"]), device=device)
    if first.values:
        first.replace(model, {name: tensors[f"first.{name}"].to(device) for name in first.values})
    # A job that goes on with more processes than it had draws their dropout anew
    if f"random.{rank}.cpu" in tensors:
        torch.set_rng_state(tensors[f"random.{rank}.cpu"])
    if f"random.{rank}.cuda" in tensors and device.type == "cuda":
        torch.cuda.set_rng_state(tensors[f"random.{rank}.cuda"], device)
