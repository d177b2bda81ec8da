"""The estimate of a job's memory against what jobs took."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_torch_world import spec
from whetstone.finetune.estimate import flop_per_token
from whetstone.finetune.on_torch.memory import estimate_memory

SMOLLM2_135M = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize(
    ("options", "longest", "measured_mb"),
    [
        ({"lora_rank": 8}, 135, 1908),
        ({"lora_rank": 16}, 318, 3092),
        ({"lora_rank": 16, "gradient_checkpointing": True}, 318, 2000),
        ({"lora_rank": 16, "precision": "bf16"}, 318, 2087),
        ({"lora_rank": 8, "batch_size": 1}, 32, 1051),
        ({"lora_rank": 64, "batch_size": 8, "precision": "bf16"}, 135, 2128),
    ],
)
def test_estimate_is_within_a_third_of_the_measured_peak(
    options: dict[str, Any], longest: int, measured_mb: int
) -> None:
    """Peak resident memory of two steps with rows of that length, on Linux with torch 2.13."""
    assert estimate_memory(SMOLLM2_135M, spec(**options), longest) / 2**20 == pytest.approx(
        measured_mb, rel=0.3
    )


def test_what_takes_more() -> None:
    def bytes_of(longest: int = 200, **options: Any) -> int:
        return estimate_memory(SMOLLM2_135M, spec(**options), longest)

    assert bytes_of(400) > bytes_of(200)
    assert bytes_of(4000) == bytes_of(1024)  # rows are cut
    assert bytes_of(processes=2) > bytes_of()
    assert bytes_of(method="dpo") > bytes_of()
    assert bytes_of(quantization="4bit") < bytes_of()
    assert bytes_of(target_modules=("q_proj",)) < bytes_of()
    assert bytes_of(precision="auto") == bytes_of()
    assert estimate_memory({"text_config": SMOLLM2_135M}, spec(), 200) == bytes_of()


def test_work_of_a_token_is_known_of_every_family() -> None:
    layer = 2 * 576 * (576 + 192) + 3 * 576 * 1536
    assert flop_per_token(SMOLLM2_135M, 0.5) == 4 * (30 * layer + 0.5 * 576 * 49152)
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None, "vocab_size": 50257}
    assert flop_per_token(gpt2, 0) == 4 * 12 * (4 * 768 * 768 + 3 * 768 * 4 * 768)
    falcon = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    assert flop_per_token(falcon, 0) == 4 * 2 * (4 * 64 * 64 + 3 * 64 * 256)
    mixture = {**SMOLLM2_135M, "num_local_experts": 8, "num_experts_per_tok": 1}
    assert flop_per_token(mixture, 0.5) == flop_per_token(SMOLLM2_135M, 0.5)
