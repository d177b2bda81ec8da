"""The torch engine as the loop sees it: steps, losses, states, adapters, answers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from finetune_torch_world import batch_of, rows, settings, sft_batch, spec
from finetune_world import tiny_base
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.types import Batch
from whetstone.finetune.on_torch.engine import TorchEngine
from whetstone.finetune.on_torch.forward import Forward

# PEFT asks transformers for it under a name that transformers gives up.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def engine(base: Path, **options: Any) -> TorchEngine:
    return TorchEngine(base, spec(**options), settings())


def plain_loss(model: Any, batch: Batch) -> float:
    """Mean loss of the learnt tokens by transformers' own loss over all padded logits."""
    mask = np.arange(batch.ids.shape[1])[None] < batch.lengths[:, None]
    with torch.no_grad():
        return float(
            model(
                input_ids=torch.from_numpy(batch.ids).long(),
                attention_mask=torch.from_numpy(mask).long(),
                labels=torch.from_numpy(batch.labels).long(),
            ).loss
        )


def reference_model(base: Path, adapter: Path | None = None) -> Any:
    """The base as transformers loads it, with the adapter as PEFT loads it."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return (model if adapter is None else PeftModel.from_pretrained(model, adapter)).eval()


@pytest.mark.parametrize("config", [{}, {"tie_word_embeddings": False}, {"num_key_value_heads": 4}])
def test_first_loss_is_that_of_the_plain_model(tmp_path: Path, base: Path, config: dict[str, Any]) -> None:
    if config:
        base = tiny_base(tmp_path / "base", **config)
    batch = sft_batch()
    result = engine(base).step([batch], 0.0)
    assert result.loss == pytest.approx(plain_loss(reference_model(base), batch), rel=1e-5)
    assert result.grad_norm > 0


@pytest.mark.parametrize(
    "options", [{}, {"use_dora": True}, {"gradient_checkpointing": True}, {"lora_dropout": 0.2}]
)
def test_steps_lower_the_loss(base: Path, options: dict[str, Any]) -> None:
    trainer, batches = engine(base, **options), [sft_batch(), sft_batch(3, seed=1)]
    losses = [trainer.step(batches, 1e-2).loss for _ in range(12)]
    assert losses[-1] < losses[0] - 0.5


def test_packed_rows_give_the_gradient_of_padded_ones(base: Path) -> None:
    batches = [sft_batch(4), sft_batch(3, seed=5, shared=2)]
    packed, padded, unshared = engine(base), engine(base), engine(base)
    assert packed.forward.packed
    padded.forward.packed = False
    padded.forward.causal.set_attn_implementation("sdpa")
    unshared.forward.share = False
    for _ in range(3):
        results = [each.step(batches, 1e-2) for each in (packed, padded, unshared)]
    for other in (padded, unshared):
        assert torch.allclose(packed.weights.gradient, other.weights.gradient, atol=1e-6)
        assert torch.allclose(packed.weights.values, other.weights.values, atol=1e-5)
    assert results[0].loss == pytest.approx(results[1].loss, rel=1e-5)


def test_fused_layers_give_the_gradient_of_pefts_own(base: Path) -> None:
    batches = [sft_batch()]
    fused, plain = engine(base), engine(base)
    unfused = 0
    for module in plain.model.modules():
        unfused += module.__dict__.pop("forward", None) is not None
    assert unfused == 14
    for _ in range(3):
        for each in (fused, plain):
            each.step(batches, 1e-2)
    assert torch.allclose(fused.weights.gradient, plain.weights.gradient, atol=1e-6)


def test_split_into_micro_batches_does_not_matter(base: Path) -> None:
    whole, parts = sft_batch(4), [sft_batch(4).rows([0, 2]), sft_batch(4).rows([1]), sft_batch(4).rows([3])]
    one, other = engine(base), engine(base)
    for _ in range(3):
        results = one.step([whole], 1e-2), other.step(parts, 1e-2)
    assert results[0].loss == pytest.approx(results[1].loss, rel=1e-5)
    assert torch.allclose(one.weights.values, other.weights.values, atol=1e-5)


def test_model_with_windowed_attention_is_padded_and_right(tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
    MistralForCausalLM(
        MistralConfig(vocab_size=300, num_hidden_layers=2, sliding_window=8, pad_token_id=0, **shape)
    ).save_pretrained(tmp_path)
    trainer, batch = engine(tmp_path), sft_batch()
    assert not trainer.forward.packed
    assert trainer.step([batch], 0.0).loss == pytest.approx(
        plain_loss(reference_model(tmp_path), batch), rel=1e-5
    )


def test_adapter_on_the_head(base: Path) -> None:
    trainer = engine(base, target_modules=("q_proj", "lm_head"))
    batch = sft_batch()
    assert trainer.step([batch], 0.0).loss == pytest.approx(
        plain_loss(reference_model(base), batch), rel=1e-5
    )
    trainer.step([batch], 1e-2)
    changed = {
        name
        for name, each in trainer.weights.named.items()
        if float(each.detach().abs().sum()) and ".lora_B." in name
    }
    assert any("lm_head" in name for name in changed)


def test_not_a_number_changes_nothing(base: Path) -> None:
    trainer, batch = engine(base), sft_batch()
    trainer.step([batch], 1e-2)
    weight = trainer.forward.causal.model.norm.weight.data
    good, before = weight.clone(), trainer.weights.values.clone()
    weight[0] = math.nan
    assert math.isnan(trainer.step([batch], 1e-2).loss)
    weight.copy_(good)
    assert torch.equal(before, trainer.weights.values)
    assert math.isfinite(trainer.step([batch], 1e-2).loss)
    trainer.weights.gradient[0] = math.inf
    before = trainer.weights.values.clone()
    assert math.isinf(trainer.update(1e-2).grad_norm)
    assert torch.equal(before, trainer.weights.values)


def test_gradient_is_clipped_as_torch_does(base: Path) -> None:
    trainer = engine(base, max_grad_norm=1e-3)
    result = trainer.step([sft_batch()], 1e-3)
    assert result.grad_norm > 1e-3
    assert float(trainer.weights.gradient.norm()) == pytest.approx(1e-3, rel=1e-2)


def test_state_goes_on_bit_for_bit(base: Path, tmp_path: Path) -> None:
    batches = [sft_batch(seed=each) for each in range(8)]
    options = {"lora_dropout": 0.1, "weight_decay": 0.01}
    whole = engine(base, **options)
    for each in batches[:4]:
        whole.step([each], 1e-2)
    whole.save_state(tmp_path)
    wanted = [whole.step([each], 1e-2) for each in batches[4:]]
    again = engine(base, **options)
    again.generate([[3, 4, 5]], [3], frozenset(), adapter=True)
    again.load_state(tmp_path)
    assert [again.step([each], 1e-2) for each in batches[4:]] == wanted
    assert torch.equal(whole.weights.values, again.weights.values)
    assert {each.suffix for each in tmp_path.iterdir()} == {".safetensors", ".json"}


def test_state_of_another_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    engine(base).save_state(tmp_path)
    with pytest.raises(InvalidInputError, match="another adapter"):
        engine(base, lora_rank=8).load_state(tmp_path)


@pytest.mark.parametrize("init", ["default", "gaussian", "pissa", "olora", "orthogonal"])
@pytest.mark.parametrize("variant", [{}, {"use_rslora": True}, {"use_dora": True}])
def test_saved_adapter_makes_the_tuned_model_from_the_untouched_base(
    base: Path, tmp_path: Path, init: str, variant: dict[str, Any]
) -> None:
    batch = sft_batch()
    trainer = engine(base, init_lora_weights=init, model="tiny", **variant)
    assert trainer.step([batch], 1e-2).loss == pytest.approx(
        plain_loss(reference_model(base), batch), rel=1e-4
    )
    for _ in range(4):
        trainer.step([batch], 1e-2)
    trainer.save_adapter(tmp_path)
    tuned = reference_model(base, tmp_path)
    want = trainer.log_probabilities(batch)
    forward = Forward(tuned, torch.device("cpu"), dropout=False)
    with torch.no_grad():
        assert np.allclose(forward.sums(batch).numpy(), want, atol=2e-3)
    other = engine(base, init_lora_weights=init, model="tiny", **variant)
    other.load_adapter(tmp_path)
    assert np.allclose(other.log_probabilities(batch), want, atol=2e-3)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert type(config["lora_alpha"]) is int
    assert str(base) not in json.dumps(config)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def greedy(model: Any, prompt: list[int], most: int, stop: frozenset[int]) -> list[int]:
    """One prompt alone, without a cache."""
    answer: list[int] = []
    with torch.no_grad():
        while len(answer) < most:
            token = int(model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0, -1].argmax())
            if token in stop:
                break
            answer.append(token)
    return answer


@pytest.mark.parametrize(("init", "first"), [("default", 5), ("default", 11), ("pissa", 14)])
def test_answers_of_base_and_tuned_model(base: Path, tmp_path: Path, init: str, first: int) -> None:
    """The prompts' shortest has `first` tokens, of which up to 12 are common to all."""
    trainer = engine(base, init_lora_weights=init)
    for _ in range(10):
        trainer.step([sft_batch()], 1e-2)
    trainer.save_adapter(tmp_path)
    prompts = [[int(token) for token in each[: first + 4 * i]] for i, each in enumerate(rows(5))]
    most = [6, 1, 9, 0, 7]
    for adapter, model in ((True, reference_model(base, tmp_path)), (False, reference_model(base))):
        free = [greedy(model, prompt, many, frozenset()) for prompt, many in zip(prompts, most, strict=True)]
        assert trainer.generate(prompts, most, frozenset(), adapter=adapter) == free
        stop = frozenset({free[0][2], free[2][4]})
        wanted = [greedy(model, prompt, many, stop) for prompt, many in zip(prompts, most, strict=True)]
        assert trainer.generate(prompts, most, stop, adapter=adapter) == wanted
    assert trainer.model.training


def test_unknown_layer_is_named(base: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no layer wq; it has down_proj, gate_proj"):
        engine(base, target_modules=("wq",))


def test_pissa_does_not_go_with_four_bits(base: Path) -> None:
    pytest.importorskip("bitsandbytes")
    with pytest.raises(InvalidInputError, match="4 bits cannot hold"):
        engine(base, init_lora_weights="pissa", quantization="4bit")


def test_four_bits_train(base: Path) -> None:
    pytest.importorskip("bitsandbytes")
    trainer = engine(base, quantization="4bit")
    losses = []
    for _ in range(8):
        losses.append(trainer.step([sft_batch()], 1e-2).loss)
        trainer.log_probabilities(sft_batch())  # evaluation must not take the gradient away
    assert losses[-1] < losses[0] - 0.5


def test_no_gpu_is_said(base: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InvalidInputError, match="No CUDA device"):
        engine(base, backend="cuda")


def test_identical_rows_and_a_row_that_begins_another(base: Path) -> None:
    row = rows(1)[0]
    batch = batch_of([row, row, row[:-4], np.concatenate([row, row[:9]])], 4)
    assert engine(base).step([batch], 0.0).loss == pytest.approx(
        plain_loss(reference_model(base), batch), rel=1e-5
    )
