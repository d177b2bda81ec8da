"""Exported files read back and held against what they were made of.

Cheap checks run whenever a model is written: names, shapes and values of the GGUF adapter, rows of the merged tensors
computed again in float64, and that the base's own query weights are ordered as the exported rows are. `says_the_same`
lets llama.cpp continue prompts.

Tolerance of `says_the_same`: wherever greedy tokens first differ, both are nearly as likely to llama.cpp (within
`NEARLY` nats), and at least half of the prompts are answered equally. llama.cpp multiplies in other orders and, with a
quantized base, rounds the activations to 8 bits too, which decides ties: measured on SmolLM2 135M in Q4_1, 0.06 nats
at most over its adapter, none over the merged F16 file; with rows in the wrong order 0.3, and three of four differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

from whetstone.finetune.export.adapter import Adapter
from whetstone.finetune.export.architectures import Architecture
from whetstone.finetune.export.gguf_model import floats_of
from whetstone.finetune.export.llama import continuations
from whetstone.finetune.export.tensors import Tensor, tensors, weight_files

NEARLY: Final = 0.1
_STEP: Final = {"F32": 2.0**-18, "F16": 2.0**-11, "BF16": 2.0**-8}
"""Rounding of each type, relative to the value; of F32 that of the sums over the rank."""
_SAMPLED: Final = 4
_ROUNDED: Final = 1e-2
"""Mean relative difference by rounding, at most; rows in another order differ by more than 1."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, whether it passed, and in a sentence what was seen."""

    name: str
    passed: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"name": self.name, "passed": self.passed, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A prompt (token ids) and what the trained model greedily answered, without the stop token."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]


def check_gguf_adapter(path: Path, adapter: Adapter, config: Mapping[str, Any]) -> Check:
    """The file has for each pair both tensors, of the pair's shapes, and the same sums."""
    name = "gguf adapter reads back"
    architecture = Architecture.of(config)
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    if len(found) != 2 * len(adapter.pairs):
        return Check(name, False, f"{len(found)} tensors where {2 * len(adapter.pairs)} were expected")
    for module, pair in adapter.pairs.items():
        for part, values in (("lora_a", pair.a), ("lora_b", pair.b)):
            tensor = found.get(f"{architecture.tensor(module)}.{part}")
            if tensor is None or floats_of(tensor).shape != values.shape:
                return Check(name, False, f"{module}.{part} is missing or of another shape")
            # The rows may be ordered anew, never changed: their sorted norms are the same.
            if not np.array_equal(_row_norms(floats_of(tensor)), _row_norms(values)):
                return Check(name, False, f"{module}.{part} holds other values")
    return Check(name, True, f"{len(found)} tensors of the right names, shapes and values")


def _row_norms(values: Any) -> Any:
    return np.sort(np.square(values, dtype=np.float64).sum(axis=1))


def check_order(base_gguf: Path, base: Path, config: Mapping[str, Any]) -> Check:
    """The base's GGUF file orders query and key rows as `Architecture.order` does to the folder's weights."""
    name = "rows ordered as in the base's GGUF file"
    architecture = Architecture.of(config)
    held = {tensor.name: tensor for tensor in gguf.GGUFReader(base_gguf).tensors}
    weights = _weights(base)
    for module in ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"):
        tensor, weight = held.get(architecture.tensor(module)), weights.get(f"{module}.weight")
        if tensor is None or weight is None:
            continue  # fused in this family
        ordered = architecture.order(module, weight.floats())
        theirs = floats_of(tensor)
        if theirs.shape != ordered.shape:
            return Check(name, False, f"{module} has the shape {theirs.shape}, not {ordered.shape}")
        error = float(np.abs(ordered - theirs).mean() / np.abs(theirs).mean())
        if error > _ROUNDED:
            return Check(name, False, f"{module} differs by {error:.1%} on average")
    return Check(name, True, "query and key weights of the first layer agree")


def check_merged(adapter: Adapter, base: Path, merged: Path) -> Check:
    """Of some tensors, every row equals the formula in float64 but for the stored type's rounding; others are equal."""
    name = "merged weights read back"
    before, after = _weights(base), _weights(merged)
    if {key: (each.dtype, each.shape) for key, each in before.items()} != {
        key: (each.dtype, each.shape) for key, each in after.items()
    }:
        return Check(name, False, "tensors of other names, types or shapes than the base's")
    modules = sorted(adapter.pairs)
    for module in modules[:: max(1, len(modules) // _SAMPLED)]:
        key = f"{module}.weight"
        expected = _expected(adapter, module, before[key])
        step = _STEP[before[key].dtype]
        if not np.allclose(
            after[key].floats(), expected, rtol=2 * step, atol=step * float(np.abs(expected).max())
        ):
            return Check(name, False, f"{module} is not base plus adapter")
    rest = [key for key in before if key.removesuffix(".weight") not in adapter.pairs]
    for key in rest[:: max(1, len(rest) // _SAMPLED)]:
        if not np.array_equal(before[key].raw, after[key].raw):
            return Check(name, False, f"{key} was changed")
    return Check(name, True, f"{len(after)} tensors; the sampled ones are base plus adapter")


def _expected(adapter: Adapter, module: str, tensor: Tensor) -> Any:
    pair = adapter.pairs[module]
    product = pair.b.astype(np.float64) @ pair.a.astype(np.float64)
    changed = tensor.floats().astype(np.float64) + adapter.scale * product
    if pair.magnitude is None:
        return changed
    return changed * (pair.magnitude / np.sqrt((changed * changed).sum(axis=1)))[:, None]


def _weights(folder: Path) -> dict[str, Tensor]:
    return {name: each for path in weight_files(folder) for name, each in tensors(path).items()}


def says_the_same(
    name: str, model: Path, spoken: Sequence[Spoken], *, adapter: Path | None = None, threads: int = 1
) -> Check:
    """llama.cpp, given the GGUF file `model` and `adapter` on it, says what the trained model said.

    Raises `NotAvailableError` without llama.cpp, `WhetstoneError` when it cannot load the files.
    """
    longest = max((len(each.tokens) for each in spoken), default=0)
    heard = continuations(model, [each.prompt for each in spoken], longest, adapter=adapter, threads=threads)
    differing = []
    for each, said in zip(spoken, heard, strict=True):
        common = _common(each.tokens, said.tokens)
        # Where the trained model stopped, llama.cpp may know no such stop.
        if common < len(each.tokens):
            differing.append((each, common, said.tokens))
    gaps = _gaps(model, adapter, differing, threads)
    far = [gap for gap in gaps if gap is None or gap > NEARLY]
    equal = len(spoken) - len(differing)
    detail = (
        f"greedy tokens equal for {equal} of {len(spoken)} prompts, {len(gaps) - len(far)} differ where two tokens "
        f"are about as likely, {len(far)} elsewhere"
    )
    return Check(name, 2 * equal >= max(1, len(spoken)) and not far, detail)


def _common(ours: Sequence[int], theirs: Sequence[int]) -> int:
    for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            return position
    return min(len(ours), len(theirs))


def _gaps(
    model: Path, adapter: Path | None, differing: Sequence[tuple[Spoken, int, list[int]]], threads: int
) -> list[float | None]:
    """By how many nats llama.cpp prefers its own token where the two first part; None where it cannot tell."""
    if not differing:
        return []
    prompts = [(*each.prompt, *each.tokens[:common]) for each, common, _ in differing]
    answers = continuations(model, prompts, 1, adapter=adapter, threads=threads)
    gaps: list[float | None] = []
    for (each, common, _), answer in zip(differing, answers, strict=True):
        ours = answer.first.get(each.tokens[common])
        gaps.append(None if ours is None else max(answer.first.values()) - ours)
    return gaps


def check_gguf_model(path: Path, adapter: Adapter, base: Path, config: Mapping[str, Any]) -> Check:
    """Of some adapted tensors, the merged GGUF file holds base plus adapter, in llama.cpp's order.

    The base here is the folder that was trained on, whatever the file was made from.
    """
    name = "merged gguf reads back"
    architecture = Architecture.of(config)
    held = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    weights = _weights(base)
    modules = sorted(adapter.pairs)
    for module in modules[:: max(1, len(modules) // _SAMPLED)]:
        tensor, weight = held.get(architecture.tensor(module)), weights.get(f"{module}.weight")
        if tensor is None or weight is None:
            return Check(name, False, f"{module} is missing")
        expected, found = architecture.order(module, _expected(adapter, module, weight)), floats_of(tensor)
        if found.shape != expected.shape:
            return Check(name, False, f"{module} has the shape {found.shape}, not {expected.shape}")
        error = float(np.abs(found - expected).mean() / np.abs(expected).mean())
        if error > _ROUNDED:
            return Check(name, False, f"{module} differs by {error:.1%} on average")
    return Check(name, True, f"{len(held)} tensors; the sampled ones are base plus adapter")
