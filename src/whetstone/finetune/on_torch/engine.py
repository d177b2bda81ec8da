"""The engine on PyTorch: one process, on CPU or on one GPU."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whetstone.finetune.data.types import Batch
from whetstone.finetune.engine import Engine, StepResult
from whetstone.finetune.on_torch import adapter, generate, lora, losses, memory, state
from whetstone.finetune.on_torch.device import place
from whetstone.finetune.on_torch.forward import Forward, evaluating
from whetstone.finetune.on_torch.weights import FlatWeights
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


class TorchEngine(Engine):
    """See `Engine`. With `rank` it is one of `spec.processes`, whose shares of each batch `ranks` adds up."""

    def __init__(self, base_folder: Path, spec: FineTuneSpec, settings: Settings, *, rank: int = 0) -> None:
        self.spec, self.rank = spec, rank
        self.place = place(spec, settings, rank)
        self.model = lora.load(base_folder, spec, self.place)
        self.forward = Forward(self.model, self.place.device, dropout=spec.lora_dropout > 0)
        self.weights = FlatWeights(self.model, spec.weight_decay)
        self.first = adapter.FirstWeights.of(self.model, spec)
        self.model.train()
        torch.manual_seed(spec.seed + rank)

    def step(self, batches: Sequence[Batch], learning_rate: float) -> StepResult:
        divergence = self.divergence_sum(batches) / examples(batches) if self.spec.method == "kto" else 0.0
        self.accumulate(batches, self.denominator(batches), max(0.0, divergence))
        return self.update(learning_rate)

    def denominator(self, batches: Sequence[Batch]) -> int:
        """What the step's summed loss is divided by: learnt tokens (sft) or examples."""
        if self.spec.method == "sft":
            return max(1, sum(batch.learnt_tokens for batch in batches))
        return examples(batches)

    def divergence_sum(self, batches: Sequence[Batch]) -> float:
        """Summed log-ratio of policy and base over kto's mismatched sequences, without dropout or gradient."""
        total = 0.0
        for batch in batches:
            mismatched = sequences(batch, 1)
            total += float((self.log_probabilities(mismatched) - reference_of(mismatched)).sum())
        return total

    def accumulate(self, batches: Sequence[Batch], denominator: int, divergence: float) -> None:
        """Put gradient and loss of these batches into the exchange of `weights`."""
        self.weights.clear()
        for batch in batches:
            loss = self._loss(batch, divergence) / denominator
            loss.backward()
            self.weights.exchange[-1] += loss.detach()

    def _loss(self, batch: Batch, divergence: float) -> Any:
        """Summed, not averaged."""
        if self.spec.method == "sft":
            return -self.forward.log_probabilities(batch)[0].sum()
        device, beta = self.place.device, self.spec.beta
        own = sequences(batch, 0) if self.spec.method == "kto" else batch
        reference = torch.from_numpy(reference_of(own)).to(device)
        if self.spec.method == "dpo":
            return losses.dpo(self.forward.sums(own), reference, beta).sum()
        desirable = torch.as_tensor(own.desirable, device=device)
        return losses.kto(self.forward.sums(own), reference, desirable, beta, divergence).sum()

    def update(self, learning_rate: float) -> StepResult:
        """Apply what was accumulated, unless loss or gradient is not finite."""
        loss = float(self.weights.exchange[-1])
        if not math.isfinite(loss):
            return StepResult(loss, math.nan)
        return StepResult(loss, self.weights.update(learning_rate, self.spec.max_grad_norm))

    def log_probabilities(self, batch: Batch) -> NDArray[np.float32]:
        with evaluating(self.model):
            return self.forward.sums(batch).cpu().numpy()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: Sequence[int],
        stop: frozenset[int],
        *,
        adapter: bool,
    ) -> list[list[int]]:
        with evaluating(self.model), self.first.answering(self.model, tuned=adapter):
            return generate.greedy(self.forward, prompts, max_new_tokens, stop)

    def save_adapter(self, folder: Path) -> None:
        adapter.save(self.model, self.spec, self.first, folder)

    def load_adapter(self, folder: Path) -> None:
        adapter.load(self.model, self.first, folder)

    def save_state(self, folder: Path) -> None:
        state.save(self.weights, self.first, [state.random_state(self.place.device)], folder)

    def load_state(self, folder: Path) -> None:
        state.load(self.weights, self.first, self.model, self.place.device, self.rank, folder)

    def peak_memory(self) -> int:
        return memory.peak(self.place.device)

    def describe(self) -> dict[str, Any]:
        import peft
        import transformers

        cuda = self.place.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.place.device)
            if cuda
            else platform.processor() or "cpu",
            "dtype": str(self.place.dtype).removeprefix("torch."),
            "threads": self.place.threads,
            "processes": 1,
            "packed": self.forward.packed,
            "trainableParameters": self.weights.values.numel(),
            "parameters": self.model.get_nb_trainable_parameters()[1],
            "versions": {each.__name__: each.__version__ for each in (torch, transformers, peft)},
        }

    def close(self) -> None:
        """Nothing runs beside this process."""


def examples(batches: Sequence[Batch]) -> int:
    """Examples of these batches together."""
    return max(1, sum(len(batch.examples) for batch in batches))


def reference_of(batch: Batch) -> NDArray[np.float32]:
    """(sequences,) log-probabilities under the base, which preferences are held against."""
    if batch.reference is None:
        raise ValueError("a batch of preferences needs its log-probabilities under the base")
    return batch.reference


def sequences(batch: Batch, part: int) -> Batch:
    """The `part`-th sequences of all examples as a batch with one sequence an example."""
    count = len(batch.examples)
    chosen = slice(part * count, (part + 1) * count)
    longest = int(batch.lengths[chosen].max())
    return Batch(
        batch.ids[chosen, :longest],
        batch.labels[chosen, :longest],
        batch.lengths[chosen],
        batch.examples,
        None if batch.reference is None else batch.reference[chosen],
        batch.desirable,
    )
