"""The one recipe that every trainer follows; needs nothing but the standard library."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RANK, ALPHA = 8, 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """LoRA of rank 8, alpha 16, without dropout on all linear layers but the head; AdamW without weight decay at a
    constant rate from the first step, gradients clipped to norm 1. `steps` steps of `batch_size` rows are one pass over
    the training rows. fp32 on the cpu, bf16 on cuda; `four_bit`: the base in NF4.

    `data` is a folder of `train.jsonl` and `validation.jsonl` (chats), `output` an empty one for the adapter in PEFT's
    layout.
    """

    model: Path
    data: Path
    output: Path
    steps: int
    batch_size: int = 4
    learning_rate: float = 1e-3
    threads: int = 2
    seed: int = 0
    device: str = "cpu"
    four_bit: bool = False

    @property
    def precision(self) -> str:
        """Of the base's weights and the arithmetic."""
        return "bf16" if self.device == "cuda" else "fp32"

    def to_json(self) -> str:
        """For a trainer's process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """What `to_json` gave."""
        content: dict[str, Any] = json.loads(text)
        for key in ("model", "data", "output"):
            content[key] = Path(content[key])
        return cls(**content)

    def rows(self, split: str) -> list[dict[str, Any]]:
        """The chats of `train` or `validation`."""
        lines = (self.data / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
