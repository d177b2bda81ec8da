"""Training on MLX.

The same code runs on Apple's GPUs (Metal, the default device there) and on MLX's CPU build for Linux, where it is
tested. Steps are not compiled (`mx.compile`): nearly every batch has a shape of its own.
"""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InvalidInputError
from whetstone.finetune.data.types import Batch
from whetstone.finetune.engine import Engine, StepResult
from whetstone.finetune.on_mlx import adapters, losses
from whetstone.finetune.on_mlx.generation import greedy
from whetstone.finetune.on_mlx.limits import check_mlx_options
from whetstone.finetune.on_mlx.model import Selector, adapted_model
from whetstone.finetune.on_mlx.runtime import OPENBLAS, mx, nn, on_gpu, trees
from whetstone.finetune.on_mlx.state import new_optimizer, read_state, write_state
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings

_CACHE_LIMIT = 2 << 30
"""Bytes of freed buffers that MLX may keep: batches of many shapes would otherwise pile them up."""
_CLIP_EPSILON = 1e-6  # torch.nn.utils.clip_grad_norm_ has it


class MlxEngine(Engine):
    """A base model in MLX and its adapter. Weights of the adapter are float32 whatever the base's precision."""

    def __init__(self, base_folder: Path, spec: FineTuneSpec, settings: Settings) -> None:
        """Raises `InvalidInputError` for options, architectures and target modules that MLX cannot train."""
        check_mlx_options(spec)
        if OPENBLAS is not None and settings.train_threads is not None:
            OPENBLAS.set_threads(settings.train_threads)
        mx.set_cache_limit(_CACHE_LIMIT)
        self._spec = spec
        self._adapted = adapted_model(base_folder, spec)
        self._model = self._adapted.model
        self._selector = Selector(self._model)
        self._optimizer = new_optimizer(spec.weight_decay)
        self._optimizer.init(self._model.trainable_parameters())
        self._loss_and_gradient = nn.value_and_grad(self._model, self._loss)
        self._steps = 0

    def step(self, batches: Sequence[Batch], learning_rate: float) -> StepResult:
        # Dropout follows from seed and step alone, so that there is no random state to keep.
        self._steps += 1
        mx.random.seed((self._spec.seed << 32) | self._steps)
        divergence = self._divergence(batches)
        self._model.train()
        weight = losses.weight(self._spec.method, batches)
        loss, gradient = 0.0, None
        for batch in batches:
            part, more = self._loss_and_gradient(batch, weight, divergence)
            gradient = more if gradient is None else trees.tree_map(mx.add, gradient, more)
            mx.eval(part, gradient)  # frees this micro-batch's activations before the next one's
            loss += part.item()
        norm = mx.sqrt(sum(mx.square(each).sum() for _, each in trees.tree_flatten(gradient))).item()
        if math.isfinite(loss) and math.isfinite(norm):
            scale = min(1.0, self._spec.max_grad_norm / (norm + _CLIP_EPSILON))
            self._optimizer.learning_rate = learning_rate
            self._optimizer.update(self._model, trees.tree_map(lambda each: each * scale, gradient))
            mx.eval(self._model.trainable_parameters(), self._optimizer.state)
        return StepResult(loss, norm)

    def _divergence(self, batches: Sequence[Batch]) -> float:
        """KTO's reference point, without dropout."""
        if self._spec.method != "kto":
            return 0.0
        self._model.eval()
        return losses.kto_divergence(self._selector, batches)

    def _loss(self, batch: Batch, weight: int, divergence: float) -> Any:
        match self._spec.method:
            case "sft":
                total = losses.sft_loss(self._selector, batch)
            case "dpo":
                total = losses.dpo_loss(self._selector, batch, self._spec.beta)
            case "kto":
                total = losses.kto_loss(self._selector, batch, self._spec.beta, divergence)
        return total / weight

    def log_probabilities(self, batch: Batch) -> NDArray[np.float32]:
        self._model.eval()
        return np.array(losses.log_probabilities(self._selector, batch), dtype=np.float32)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: Sequence[int],
        stop: frozenset[int],
        *,
        adapter: bool,
    ) -> list[list[int]]:
        self._model.eval()
        if adapter:
            return greedy(self._model, self._selector, prompts, max_new_tokens, stop)
        with self._without_adapter():
            return greedy(self._model, self._selector, prompts, max_new_tokens, stop)

    @contextmanager
    def _without_adapter(self) -> Iterator[None]:
        """The base's own layers in the adapted ones' places."""
        adapted = self._adapted.modules
        self._replace({name: module.linear for name, module in adapted.items()})
        try:
            yield
        finally:
            self._replace(adapted)

    def _replace(self, modules: Mapping[str, Any]) -> None:
        self._model.update_modules(trees.tree_unflatten(list(modules.items())))

    def save_adapter(self, folder: Path) -> None:
        adapters.write_adapter(folder, self._weights(), self._spec, self._adapted.targets)

    def load_adapter(self, folder: Path) -> None:
        """Raises `InvalidInputError` when the adapter is of another shape or for other layers."""
        self._take(adapters.read_adapter(folder))

    def save_state(self, folder: Path) -> None:
        write_state(folder, self._weights(), self._optimizer, {"steps": self._steps})

    def load_state(self, folder: Path) -> None:
        """Raises `InvalidInputError` for files of another engine or of another adapter."""
        weights, moments, facts = read_state(folder)
        self._take(weights)
        self._optimizer.state = moments
        self._optimizer.init(self._model.trainable_parameters())
        self._steps = facts["steps"]

    def _weights(self) -> dict[str, Any]:
        return dict(trees.tree_flatten(self._model.trainable_parameters()))

    def _take(self, weights: Mapping[str, Any]) -> None:
        shapes = {name: each.shape for name, each in self._weights().items()}
        if {name: each.shape for name, each in weights.items()} != shapes:
            raise InvalidInputError(
                "The adapter does not fit: it has other layers, another rank or another base model than this job"
            )
        self._model.update(
            trees.tree_unflatten([(name, each.astype(mx.float32)) for name, each in weights.items()])
        )
        mx.eval(self._model.trainable_parameters())

    def peak_memory(self) -> int:
        if on_gpu():
            return int(mx.get_peak_memory())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB

    def describe(self) -> dict[str, Any]:
        """As the protocol says; `blas` is "bundled" where MLX's slow CPU products were not replaced."""
        trainable = sum(each.size for each in self._weights().values())
        return {
            "framework": "mlx",
            "device": str(mx.device_info().get("device_name", "")) if on_gpu() else "cpu",
            "dtype": self._adapted.dtype,
            "quantization": self._spec.quantization,
            "threads": OPENBLAS.threads if OPENBLAS is not None else None,
            "blas": "openblas"
            if OPENBLAS is not None
            else "accelerate"
            if sys.platform == "darwin"
            else "bundled",
            "versions": {name: version(name) for name in ("mlx", "mlx-lm")},
            "parameters": self._adapted.base_parameters + trainable,
            "trainableParameters": trainable,
            "adaptedLayers": len(self._adapted.modules),
        }

    def close(self) -> None:
        """Gives freed buffers back; there are no helper processes."""
        mx.clear_cache()
