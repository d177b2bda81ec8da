"""What a model folder is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whetstone.finetune.bases.prepare import Base
from whetstone.finetune.export.gguf_model import CONVERTER
from whetstone.finetune.export.verify import Spoken
from whetstone.finetune.spec import FineTuneSpec


@dataclass(frozen=True, kw_only=True)
class ModelBuild:
    """The outcome of one job, before it is a folder. No field holds text of rows.

    `adapter`: folder with adapter_model.safetensors and adapter_config.json. `data`: the report of
    `data.prepare.Prepared`. `results`: figures of the training, JSON; the card knows `steps`, `seconds`, `stopped`,
    `validationLoss` ({"base", "tuned"}) and `proof` (`proof.prove.Proof.to_dict`). `engine`:
    `Engine.describe`. `created_at`: ISO time. `spoken`: a few greedy answers of the trained model, which llama.cpp is
    asked to repeat where it is installed, on `threads` (None: the engine knows no such number).
    """

    model_id: str
    models_dir: Path
    adapter: Path
    base: Base
    spec: FineTuneSpec
    data: Mapping[str, Any]
    results: Mapping[str, Any]
    engine: Mapping[str, Any]
    created_at: str
    metrics: Path | None = None
    spoken: Sequence[Spoken] = ()
    threads: int | None = 1

    @property
    def converter(self) -> Path:
        """Folder of llama.cpp's converter, installed with `pip install --target`."""
        return self.models_dir.parent / "tools" / CONVERTER

    @property
    def base_name(self) -> str:
        """What to call the base model in files that others read: never a path of this machine."""
        named = self.base.ref.name
        return Path(named).name if Path(named).is_absolute() or named.startswith("~") else named
