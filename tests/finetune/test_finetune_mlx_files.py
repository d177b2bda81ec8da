"""What the MLX engine reads and writes: adapters for peft, bases as transformers saves them, broken files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("whetstone.finetune.on_mlx.runtime", exc_type=ImportError)  # first: it picks the BLAS

from finetune_mlx_world import batch, engine, spec, torch_log_probabilities, torch_model
from finetune_world import tiny_base
from whetstone.errors import InvalidInputError
from whetstone.finetune.on_mlx.adapters import from_peft, to_peft
from whetstone.finetune.on_mlx.rope import rope_overrides
from whetstone.finetune.on_mlx.runtime import mx

KINDS: list[dict[str, Any]] = [
    {},
    {"use_rslora": True, "lora_rank": 9, "lora_alpha": 7},
    {"use_dora": True},
    {"target_modules": ("self_attn.v_proj", "up_proj")},
]


@pytest.fixture
def trained(base: Path, request: pytest.FixtureRequest) -> Any:
    training = engine(base, **request.param)
    for step in range(6):
        training.step([batch(step)], 0.02)
    return training


@pytest.mark.parametrize("trained", KINDS, indirect=True)
def test_peft_computes_the_same_with_the_adapter(base: Path, tmp_path: Path, trained: Any) -> None:
    trained.save_adapter(tmp_path)
    tuned = torch_model(base, tmp_path)
    each = batch(99, 6)
    expected = torch_log_probabilities(tuned, each).detach().numpy()
    np.testing.assert_allclose(trained.log_probabilities(each), expected, atol=1e-3)
    plain = torch_log_probabilities(torch_model(base), each).detach().numpy()
    assert np.abs(expected - plain).max() > 0.1
    in_place = sum(value.numel() for name, value in tuned.named_parameters() if "lora_" in name)
    assert in_place == trained.describe()["trainableParameters"]  # none left out, none missing


@pytest.mark.parametrize("options", KINDS)
def test_an_adapter_written_by_peft_is_taken(base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    import torch

    first = engine(base, **options)
    (tmp_path / "first").mkdir()
    first.save_adapter(tmp_path / "first")
    tuned = torch_model(base, tmp_path / "first")
    torch.manual_seed(1)
    with torch.no_grad():
        for value in tuned.parameters():
            if value.requires_grad:
                value.add_(torch.randn_like(value) * 0.05)
    tuned.save_pretrained(tmp_path / "second")

    each = batch(7)
    before = first.log_probabilities(each)
    first.load_adapter(tmp_path / "second")
    expected = torch_log_probabilities(tuned, each).detach().numpy()
    np.testing.assert_allclose(first.log_probabilities(each), expected, atol=1e-3)
    assert np.abs(before - expected).max() > 0.01


def test_the_configuration_is_plain_peft(base: Path, tmp_path: Path) -> None:
    engine(base).save_adapter(tmp_path)
    content = json.loads((tmp_path / "adapter_config.json").read_text())
    assert type(content["lora_alpha"]) is int
    assert sorted(content["target_modules"]) == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
    ]  # fmt: skip
    from safetensors import safe_open

    with safe_open(tmp_path / "adapter_model.safetensors", "np") as file:
        name = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
        assert file.get_slice(name).get_shape() == [4, 128]
        assert len(list(file.keys())) == 2 * 7 * 2


def test_names_and_orientation_come_back() -> None:
    weights = {
        "model.layers.0.mlp.up_proj.lora_a": mx.random.normal((5, 2)),
        "model.layers.0.mlp.up_proj.lora_b": mx.random.normal((2, 7)),
        "model.layers.0.mlp.up_proj.m": mx.random.normal((7,)),
    }
    back = from_peft(to_peft(weights))
    assert back.keys() == weights.keys()
    assert all(bool(mx.array_equal(back[name], weights[name])) for name in weights)
    with pytest.raises(InvalidInputError, match="lora_embedding_A"):
        from_peft({"base_model.model.model.embed_tokens.lora_embedding_A": mx.zeros((2, 2))})


def test_an_adapter_of_another_shape_is_refused(base: Path, tmp_path: Path) -> None:
    engine(base, lora_rank=8).save_adapter(tmp_path)
    with pytest.raises(InvalidInputError, match="does not fit"):
        engine(base, lora_rank=4).load_adapter(tmp_path)
    with pytest.raises(InvalidInputError, match="does not fit"):
        engine(base, lora_rank=8, target_modules=("q_proj",)).load_adapter(tmp_path)


def test_a_checkpoint_that_cannot_be_read_is_said(base: Path, tmp_path: Path) -> None:
    training = engine(base)
    with pytest.raises(InvalidInputError, match="checkpoint"):
        training.load_state(tmp_path)
    training.save_state(tmp_path)
    whole = (tmp_path / "mlx_state.safetensors").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:4]):
        (tmp_path / "mlx_state.safetensors").write_bytes(damaged)
        with pytest.raises(InvalidInputError, match="checkpoint"):
            training.load_state(tmp_path)


SCALED = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize("rope", [{"rope_type": "default", "rope_theta": 777.0}, SCALED])
def test_a_base_with_rope_parameters_only_is_rotated_as_in_torch(
    tmp_path: Path, rope: dict[str, Any]
) -> None:
    """As transformers 5 saves it. At these lengths the default base gives other probabilities."""
    folder = tiny_base(tmp_path / "base", initializer_range=0.2)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_theta"]
    config["rope_parameters"] = rope
    (folder / "config.json").write_text(json.dumps(config))
    long = batch(0, 2, low=200, high=220)
    expected = torch_log_probabilities(torch_model(folder), long).detach().numpy()
    np.testing.assert_allclose(engine(folder).log_probabilities(long), expected, rtol=1e-4)

    (folder / "config.json").write_text(json.dumps({**config, "rope_parameters": None}))
    assert np.abs(engine(folder).log_probabilities(long) - expected).max() > 0.1


def test_rope_keys_that_are_there_stay() -> None:
    assert rope_overrides({"rope_theta": 5.0, "rope_parameters": {"rope_theta": 6.0}}) == {}
    assert rope_overrides({"rope_theta": 5.0}) == {}
    assert rope_overrides({"rope_parameters": {"full_attention": {"rope_theta": 6.0}}}) == {}


def test_a_rotation_other_than_the_configs_is_refused(base: Path, tmp_path: Path) -> None:
    """mlx-lm takes the first key, so a config that contradicts itself in words it does not read is caught."""
    from whetstone.finetune.on_mlx.rope import check_rope

    model = engine(base)._model
    check_rope(model, {"rope_theta": 100000.0})
    with pytest.raises(InvalidInputError, match=r"100000 in .* says 500000"):
        check_rope(model, {"rope_theta": 500000.0})


def test_an_unknown_architecture_is_said(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "warp_drive"}))
    with pytest.raises(InvalidInputError, match="warp_drive"):
        engine(folder)


def test_an_untied_head_and_another_architecture(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base", tie_word_embeddings=False, attention_bias=True, mlp_bias=True)
    training = engine(folder, use_dora=True)
    training.step([batch(0)], 0.05)
    (tmp_path / "adapter").mkdir()
    training.save_adapter(tmp_path / "adapter")
    each = batch(1)
    expected = torch_log_probabilities(torch_model(folder, tmp_path / "adapter"), each).detach().numpy()
    np.testing.assert_allclose(training.log_probabilities(each), expected, atol=1e-3)
    assert spec().target_modules == "all-linear"
