"""Opening the engine of a backend; the only place that chooses between the frameworks."""

from __future__ import annotations

from pathlib import Path

from whetstone.finetune.engine import Engine
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


def open_engine(base_folder: Path, spec: FineTuneSpec, settings: Settings) -> Engine:
    """The engine of `spec.backend` with the base model loaded. Imports its framework, and no other."""
    if spec.backend == "mlx":
        from whetstone.finetune.on_mlx.engine import MlxEngine

        return MlxEngine(base_folder, spec, settings)
    from whetstone.finetune.on_torch.ranks import open_engine as open_torch_engine

    return open_torch_engine(base_folder, spec, settings)
