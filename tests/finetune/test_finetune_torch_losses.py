"""Losses of the torch engine against figures computed another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from finetune_torch_world import preference_batch, settings, sft_batch, spec
from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.finetune.on_torch import losses
from whetstone.finetune.on_torch.engine import TorchEngine

# PEFT asks transformers for it under a name that transformers gives up.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def engine(base: Path, **options: Any) -> TorchEngine:
    return TorchEngine(base, spec(**options), settings())


def numpy_sums(base: Path, batch: Batch) -> np.ndarray[Any, Any]:
    """(sequences,) summed log-probabilities of the base, each sequence alone, softmax in NumPy with float64."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    sums = []
    for ids, labels, length in zip(batch.ids, batch.labels, batch.lengths, strict=True):
        with torch.no_grad():
            logits = (
                model(input_ids=torch.from_numpy(ids[:length]).long()[None])
                .logits[0]
                .numpy()
                .astype(np.float64)
            )
        logits -= logits.max(1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        learnt = [t for t in range(1, length) if labels[t] != IGNORED]
        sums.append(sum(logs[t - 1, labels[t]] for t in learnt))
    return np.array(sums)


@pytest.mark.parametrize(("scale", "cap"), [(1.0, None), (0.3, None), (1.0, 4.0), (2.0, 1.5)])
@pytest.mark.parametrize("chunk_rows", [16, 1000])
def test_fused_log_probabilities_and_their_gradient(
    monkeypatch: pytest.MonkeyPatch, scale: float, cap: float | None, chunk_rows: int
) -> None:
    torch.manual_seed(0)
    module = torch.nn.Linear(24, 90, bias=True).requires_grad_(False)
    monkeypatch.setattr(losses, "CHUNK_BYTES", chunk_rows * 4 * 90)
    head = losses.Head(module, scale, cap)
    assert head.fused
    hidden = (3 * torch.randn(50, 24)).requires_grad_()
    targets, factors = torch.randint(0, 90, (50,)), torch.randn(50)
    logits = scale * module(hidden)
    logits = logits if cap is None else cap * torch.tanh(logits / cap)
    wanted = torch.log_softmax(logits, 1)[torch.arange(50), targets]
    (slope,) = torch.autograd.grad((wanted * factors).sum(), hidden)
    found = losses.log_probabilities(hidden, head, targets)
    (found * factors).sum().backward()
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(hidden.grad, slope, atol=1e-5)


def test_head_that_learns_is_chunked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = torch.nn.Linear(24, 90)
    hidden, targets = torch.randn(50, 24), torch.randint(0, 90, (50,))
    head = losses.Head(module)
    assert not head.fused
    wanted = torch.autograd.grad(losses.log_probabilities(hidden, head, targets).sum(), module.weight)[0]
    monkeypatch.setattr(losses, "CHUNK_BYTES", 1)
    found = torch.autograd.grad(losses.log_probabilities(hidden, head, targets).sum(), module.weight)[0]
    assert torch.allclose(found, wanted, atol=1e-5)


def test_log_probabilities_of_sequences(base: Path) -> None:
    batch = preference_batch()
    assert np.allclose(engine(base).log_probabilities(batch), numpy_sums(base, batch), atol=1e-3)


def test_dpo(base: Path) -> None:
    batch = preference_batch()
    assert batch.reference is not None
    gap = (numpy_sums(base, batch) - batch.reference).reshape(2, -1)
    wanted = np.mean(np.log1p(np.exp(-0.3 * (gap[0] - gap[1]))))
    assert engine(base, method="dpo", beta=0.3).step([batch], 0.0).loss == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_kto(base: Path, shift: float) -> None:
    """`shift` moves the mismatched sequences' references, so that the divergence is above or clamped at zero."""
    batch = preference_batch(4, kto=True)
    sums, count = numpy_sums(base, batch), 4
    assert batch.reference is not None
    assert batch.desirable is not None
    batch.reference[count:] = sums[count:] + shift
    divergence = max(0.0, -shift)
    gain = 0.2 * (sums[:count] - batch.reference[:count] - divergence)
    wanted = np.mean(1 - 1 / (1 + np.exp(-np.where(batch.desirable, gain, -gain))))
    trainer = engine(base, method="kto", beta=0.2)
    assert trainer.step([batch], 0.0).loss == pytest.approx(wanted, rel=1e-3)
    halves = [batch.rows([0, 1]), batch.rows([2, 3])]
    assert trainer.step(halves, 0.0).loss == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_preferences_are_learnt(base: Path, method: str) -> None:
    batch = preference_batch(4, kto=method == "kto")
    trainer = engine(base, method=method)
    batch.reference[:] = trainer.log_probabilities(batch)  # type: ignore[index]
    before = trainer.log_probabilities(batch)
    results = [trainer.step([batch], 1e-2).loss for _ in range(10)]
    assert results[-1] < results[0] - 0.05
    change = (trainer.log_probabilities(batch) - before)[:4]
    if method == "kto":
        assert change[[0, 2]].min() > change[[1, 3]].max()
    else:
        assert (change > (trainer.log_probabilities(batch) - before)[4:]).all()


@pytest.mark.parametrize("architecture", ["Gemma2", "Granite", "Cohere", "Qwen2", "Qwen3", "Phi3", "GPT2"])
def test_architectures_with_other_heads(tmp_path: Path, architecture: str) -> None:
    """Capped and scaled logits, biases, norms of the heads, fused projections, absolute positions."""
    import transformers

    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    }
    others: dict[str, dict[str, Any]] = {
        "Gemma2": {"final_logit_softcapping": 0.5, "attn_logit_softcapping": 0.5},
        "Granite": {"logits_scaling": 4.0},
        "Cohere": {"logit_scale": 0.25},
        "GPT2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128},
    }
    own = others.get(architecture, {})
    shape = {} if architecture == "GPT2" else shape
    config = getattr(transformers, f"{architecture}Config")(
        vocab_size=300, pad_token_id=0, bos_token_id=1, eos_token_id=2, **shape, **own
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path)
    batch = sft_batch()
    wanted = -numpy_sums(tmp_path, batch).sum() / batch.learnt_tokens
    trainer = engine(tmp_path)
    assert trainer.step([batch], 1e-3).loss == pytest.approx(wanted, rel=1e-4)
    assert trainer.step([batch], 1e-3).loss < wanted
