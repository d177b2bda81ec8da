"""Training on MLX (its CPU build): held against a plain loop in torch, and against itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("whetstone.finetune.on_mlx.runtime", exc_type=ImportError)  # first: it picks the BLAS

from finetune_mlx_world import (
    LAST_TOKEN,
    batch,
    engine,
    spec,
    torch_greedy,
    torch_log_probabilities,
    torch_model,
    torch_training,
)
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.types import IGNORED, Batch

STEPS = 10
RATES = [0.01 * (1 - step / STEPS) for step in range(STEPS)]


def adapter_of(training: Any, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    training.save_adapter(folder)
    return folder


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("sft", {}),
        ("sft", {"use_rslora": True, "weight_decay": 0.3, "max_grad_norm": 0.05}),
        ("sft", {"use_dora": True, "target_modules": ("q_proj", "mlp.down_proj")}),
        ("sft", {"init_lora_weights": "gaussian"}),
        ("dpo", {"weight_decay": 0.1}),
        ("kto", {"beta": 0.3}),
    ],
)
def test_ten_steps_go_as_in_torch(base: Path, tmp_path: Path, method: str, options: dict[str, Any]) -> None:
    """Accumulation, clipping, decay and schedule included, from the same first adapter."""
    wanted = spec(method=method, **options)
    training = engine(base, method=method, **options)
    parts = 1 if method == "sft" else 2
    steps = [[batch(2 * i, 3, parts), batch(2 * i + 1, 2, parts)] for i in range(STEPS)]
    reference = torch_model(base, adapter_of(training, tmp_path))

    results = [training.step(batches, rate) for batches, rate in zip(steps, RATES, strict=True)]
    losses, norms = torch_training(reference, steps, RATES, wanted)

    assert results[0].loss == pytest.approx(losses[0], rel=1e-5)
    assert [each.loss for each in results] == pytest.approx(losses, rel=1e-3)
    assert [each.grad_norm for each in results[:3]] == pytest.approx(norms[:3], rel=1e-3)
    assert [each.grad_norm for each in results] == pytest.approx(norms, rel=3e-2)
    assert abs(losses[-1] - losses[0]) > 1e-3  # something was learnt at all


@pytest.mark.parametrize("method", ["sft", "dpo", "kto"])
def test_the_split_into_micro_batches_changes_nothing(base: Path, method: str) -> None:
    whole = batch(0, 6, 1 if method == "sft" else 2)
    one, other = engine(base, method=method), engine(base, method=method)
    for _ in range(3):
        first = one.step([whole], 0.01)
        second = other.step([whole.rows([0, 4]), whole.rows([1, 2, 3, 5])], 0.01)
    assert first.loss == pytest.approx(second.loss, rel=1e-5)
    assert first.grad_norm == pytest.approx(second.grad_norm, rel=1e-4)


def test_padding_is_not_learnt(base: Path) -> None:
    narrow = batch(3, pad=0)
    wide = Batch(
        np.pad(narrow.ids, ((0, 0), (0, 9)), constant_values=7),
        np.pad(narrow.labels, ((0, 0), (0, 9)), constant_values=IGNORED),
        narrow.lengths,
        narrow.examples,
    )
    assert engine(base).step([narrow], 0.01) == engine(base).step([wide], 0.01)


def test_log_probabilities_are_those_of_torch(base: Path) -> None:
    each = batch(5, 7)
    expected = torch_log_probabilities(torch_model(base), each).detach().numpy()
    np.testing.assert_allclose(engine(base, lora_dropout=0.5).log_probabilities(each), expected, rtol=1e-5)


def test_greedy_answers_are_those_of_torch_with_and_without_the_adapter(base: Path, tmp_path: Path) -> None:
    training = engine(base, use_dora=True)
    for step in range(8):
        training.step([batch(step)], 0.02)
    draw = np.random.default_rng(1)
    prompts = [draw.integers(3, LAST_TOKEN, length).tolist() for length in draw.integers(1, 60, 20)]
    limits = draw.integers(0, 12, 20).tolist()

    tuned, plain = torch_model(base, adapter_of(training, tmp_path)), torch_model(base)
    with_adapter = training.generate(prompts, limits, frozenset(), adapter=True)
    without = training.generate(prompts, limits, frozenset(), adapter=False)

    assert with_adapter == [torch_greedy(tuned, *each) for each in zip(prompts, limits, strict=True)]
    assert without == [torch_greedy(plain, *each) for each in zip(prompts, limits, strict=True)]
    assert with_adapter != without
    assert training.generate(prompts, limits, frozenset(), adapter=True) == with_adapter


def test_an_answer_ends_before_its_stop_token(base: Path) -> None:
    training = engine(base)
    for step in range(8):
        training.step([batch(step)], 0.02)
    prompts = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
    free = training.generate(prompts, [12] * 3, frozenset(), adapter=True)
    stop = free[0][4]
    expected = [answer[: answer.index(stop)] if stop in answer else answer for answer in free]
    assert training.generate(prompts, [12] * 3, frozenset({stop}), adapter=True) == expected
    assert len(expected[0]) <= 4


def test_a_saved_state_goes_on_as_if_nothing_had_happened(base: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"lora_dropout": 0.3, "weight_decay": 0.1}
    one = engine(base, **options)
    for step in range(3):
        one.step([batch(step)], 0.01)
    one.save_state(tmp_path)
    expected = [one.step([batch(step)], 0.01) for step in range(3, 8)]

    other = engine(base, **options)
    other.load_state(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()  # nothing may be read later
    assert [other.step([batch(step)], 0.01) for step in range(3, 8)] == expected


def test_the_seed_decides_first_weights_and_dropout(base: Path) -> None:
    def losses(seed: int) -> list[float]:
        training = engine(base, lora_dropout=0.3, seed=seed)
        return [training.step([batch(step)], 0.01).loss for step in range(3)]

    assert losses(3) == losses(3)
    assert losses(3)[1:] != losses(4)[1:]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_loss_that_is_no_number_changes_nothing(base: Path, checkpointing: bool) -> None:
    training = engine(base, method="dpo", gradient_checkpointing=checkpointing)
    good, bad = batch(0, parts=2), batch(1, parts=2)
    assert bad.reference is not None
    training.step([good], 0.01)
    before = training.log_probabilities(good)
    bad.reference[0] = np.nan
    assert math.isnan(training.step([good, bad], 0.01).loss)
    np.testing.assert_array_equal(training.log_probabilities(good), before)
    assert math.isfinite(training.step([good], 0.01).loss)


def test_gradient_checkpointing_changes_nothing_but_memory(base: Path) -> None:
    plain, saving = engine(base), engine(base, gradient_checkpointing=True)
    for step in range(3):
        expected = plain.step([batch(step)], 0.01)
        assert saving.step([batch(step)], 0.01).loss == pytest.approx(expected.loss, rel=1e-5)
    assert saving.generate([[5, 6]], [4], frozenset(), adapter=True) == plain.generate(
        [[5, 6]], [4], frozenset(), adapter=True
    )


def test_a_base_in_four_bits_learns(base: Path) -> None:
    training = engine(base, quantization="4bit")
    losses = [training.step([batch(0)], 0.02).loss for _ in range(8)]
    assert losses[-1] < losses[0] - 0.2
    assert losses[0] == pytest.approx(engine(base).step([batch(0)], 0.02).loss, rel=0.05)
    exact = engine(base).log_probabilities(batch(0))
    assert np.abs(engine(base, quantization="4bit").log_probabilities(batch(0)) - exact).max() > 1e-4


def test_bfloat16_comes_close(base: Path) -> None:
    training = engine(base, precision="bf16")
    assert training.describe()["dtype"] == "bfloat16"
    assert training.step([batch(0)], 0.01).loss == pytest.approx(
        engine(base).step([batch(0)], 0.01).loss, rel=0.01
    )


def test_a_description(base: Path) -> None:
    training = engine(base, lora_rank=4, target_modules=("q_proj",))
    facts = training.describe()
    assert (facts["framework"], facts["dtype"], facts["adaptedLayers"]) == ("mlx", "float32", 2)
    assert facts["trainableParameters"] == 2 * 4 * (64 + 64)
    total = sum(each.numel() for each in torch_model(base).parameters())
    assert facts["parameters"] == total + facts["trainableParameters"]
    assert training.peak_memory() > 10_000_000
    training.close()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"processes": 2}, "processes"),
        ({"init_lora_weights": "pissa"}, "initLoraWeights"),
        ({"target_modules": ("q_proj", "c_attn")}, "c_attn.*down_proj"),
    ],
)
def test_what_mlx_cannot_do_is_refused(base: Path, options: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        engine(base, **options)
