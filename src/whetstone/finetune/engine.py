"""What the loop needs of a framework. One implementation a framework: `on_torch`, `on_mlx`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from whetstone.finetune.data.types import Batch


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one optimizer step saw.

    `loss` before the update: of sft the mean over all learnt tokens of the step (nats), of dpo and kto the mean over
    its examples. `grad_norm` before clipping. Where either is not finite, no weight was changed.
    """

    loss: float
    grad_norm: float


class Engine(Protocol):
    """A base model with a fresh LoRA adapter in it, and the adapter's AdamW optimizer.

    Not thread-safe. Everything random (dropout, the adapter's first weights) follows from the specification's seed.
    """

    def step(self, batches: Sequence[Batch], learning_rate: float) -> StepResult:
        """One optimizer step on the accumulated gradient of `batches`, which count as one large batch: the loss is
        normalised by the learnt tokens (sft) or examples (dpo, kto) of all of them together.
        """

    def log_probabilities(self, batch: Batch) -> NDArray[np.float32]:
        """(sequences,): summed log-probability (nats) of each sequence's learnt tokens; no dropout, no gradient."""

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: Sequence[int],
        stop: frozenset[int],
        *,
        adapter: bool,
    ) -> list[list[int]]:
        """Greedy continuations, without the stop token; with the adapter or as the base model answers."""

    def save_adapter(self, folder: Path) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json` in PEFT's layout into the existing `folder`."""

    def load_adapter(self, folder: Path) -> None:
        """Take the adapter's weights from such a folder."""

    def save_state(self, folder: Path) -> None:
        """Write adapter, optimizer moments and random state (safetensors and JSON, no pickle) into `folder`."""

    def load_state(self, folder: Path) -> None:
        """Go on from such a state: the next steps equal those of the run that wrote it."""

    def peak_memory(self) -> int:
        """Most bytes that this process (cpu) or the device (cuda, mlx) held so far."""

    def describe(self) -> dict[str, Any]:
        """For the record: device, dtype, threads, versions, trainable and all parameters."""

    def close(self) -> None:
        """End helper processes, if there are any."""
