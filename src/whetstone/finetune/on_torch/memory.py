"""How much memory a job will take, and how much it took. Torch-free until asked for a GPU's figure."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from typing import Any

from whetstone.finetune.spec import FineTuneSpec

_LIBRARIES = 470_000_000  # torch, transformers and peft in a process of their own
_LOGITS = 100_000_000  # a chunk of logits, its slopes, and what the products of matrices need beside them
_RECOMPUTED = 8  # with checkpointing: one layer's activations, their gradients and temporaries
_OPTIMIZER_BYTES = 16  # fp32 value, gradient and two moments


def estimate_memory(
    config: Mapping[str, Any], spec: FineTuneSpec, longest: int, *, bf16: bool = False
) -> int:
    """Bytes that training takes at its peak with batches of rows of `longest` tokens, in all processes together.

    `config` is the base's config.json; `bf16` says that the device computes in bf16 when `spec.precision` is auto.
    Within about a third of what was measured, for transformers of the llama kind.
    """
    shape = Shape(config)
    width = 2 if spec.precision == "bf16" or (spec.precision == "auto" and bf16) else 4
    stored = 0.6 if spec.quantization else width
    weights = shape.layer_weights * stored + shape.outer_weights * width
    adapter = shape.adapter_weights(spec) * _OPTIMIZER_BYTES
    sequences = -(-spec.batch_size // spec.processes) * (1 if spec.method == "sft" else 2)
    if spec.method == "kto":
        sequences //= 2  # the mismatched ones pass without gradient
    tokens = sequences * min(longest, spec.max_length)
    kept = shape.activations(width)
    if spec.gradient_checkpointing:
        activations = tokens * (shape.layers * shape.hidden * width + _RECOMPUTED * kept)
    else:
        activations = tokens * shape.layers * kept
    libraries = _LIBRARIES if spec.backend == "cpu" else 0
    return int(spec.processes * (libraries + weights + adapter + activations + _LOGITS))


class Shape:
    """The figures of an architecture that its size follows from, by the names that families give them; where a
    configuration lacks one, what is usual. `vocabulary` is in tokens, the weights are numbers of them.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        text = config.get("text_config") or config
        self.hidden = _first(text, 768, "hidden_size", "n_embd", "d_model")
        self.layers = _first(text, 12, "num_hidden_layers", "n_layer")
        self.heads = _first(text, 12, "num_attention_heads", "n_head")
        self.size = _first(text, self.hidden // self.heads, "head_dim")
        self.keys = _first(text, self.heads, "num_key_value_heads") * self.size
        self.queries = self.heads * self.size
        self.experts = _first(text, 1, "num_local_experts", "num_experts")
        self.active = _first(text, 1, "num_experts_per_tok")
        inner = _first(text, 4 * self.hidden, "intermediate_size", "n_inner")
        self.inner = _first(text, inner, "moe_intermediate_size") if self.experts > 1 else inner
        self.vocabulary = _first(text, 32_000, "vocab_size")
        self.outer_weights = (
            self.vocabulary * self.hidden * (1 if text.get("tie_word_embeddings", True) else 2)
        )
        attention = 2 * self.hidden * (self.queries + self.keys)
        feed_forward = 3 * self.hidden * self.inner
        self.layer_weights = self.layers * (attention + feed_forward * self.experts)
        self.used_weights = self.layers * (attention + feed_forward * self.active)  # by one token

    def adapter_weights(self, spec: FineTuneSpec) -> int:
        """Trained numbers."""
        sizes = {
            "q_proj": self.hidden + self.queries,
            "k_proj": self.hidden + self.keys,
            "v_proj": self.hidden + self.keys,
            "o_proj": self.hidden + self.queries,
            "gate_proj": self.hidden + self.inner,
            "up_proj": self.hidden + self.inner,
            "down_proj": self.hidden + self.inner,
        }
        if not isinstance(spec.target_modules, str):
            usual = self.hidden + self.inner
            names = [name.rpartition(".")[2] for name in spec.target_modules]
            sizes = {name: sizes.get(name, usual) for name in names}
        return self.layers * spec.lora_rank * sum(sizes.values())

    def activations(self, width: int) -> int:
        """Bytes a token and layer that the backward pass needs again."""
        attention = 3 * self.queries + 2 * self.keys
        feed_forward = 4 * self.inner * self.active
        residual = 6 * self.hidden * width + 3 * self.hidden * 4  # the norms' own copies are fp32
        return width * (attention + feed_forward) + residual


def _first(config: Mapping[str, Any], usual: int, *names: str) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    return usual


def peak(device: Any) -> int:
    """Bytes at most so far: of the GPU's allocator, or resident in this process."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
