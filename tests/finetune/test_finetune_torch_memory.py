"""The estimate of a job's memory against what jobs took."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_torch_world import spec
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
