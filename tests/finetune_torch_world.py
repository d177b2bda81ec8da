"""Specifications and batches for the tests of the torch engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


def spec(**options: Any) -> FineTuneSpec:
    """A specification of a job on CPU in fp32, with a small adapter."""
    usual = {"precision": "fp32", "lora_rank": 4, "lora_alpha": 8, "seed": 3}
    return FineTuneSpec(
        job_id="job", job_dir=Path("job"), dataset_id="set", dataset_dir=Path("set"), **(usual | options)
    )


def settings() -> Settings:
    """One thread, whatever the machine."""
    return Settings(train_threads=1)


def rows(count: int, *, seed: int = 0, shared: int = 12, vocabulary: int = 280) -> list[np.ndarray[Any, Any]]:
    """`count` rows of various lengths whose first `shared` tokens are the same."""
    draw = np.random.default_rng(seed)
    start = draw.integers(3, vocabulary, shared)
    return [np.concatenate([start, draw.integers(3, vocabulary, draw.integers(6, 30))]) for _ in range(count)]


def batch_of(sequences: list[np.ndarray[Any, Any]], examples: int, learnt: int = 5, **more: Any) -> Batch:
    """These sequences padded to one length; the last `learnt` tokens of each are learnt, and one before them."""
    longest = max(len(each) for each in sequences)
    ids = np.zeros((len(sequences), longest), np.int32)
    labels = np.full((len(sequences), longest), IGNORED, np.int32)
    for row, each in enumerate(sequences):
        ids[row, : len(each)] = each
        for place in (*range(len(each) - learnt, len(each)), 4):
            labels[row, place] = each[place]
    lengths = np.array([len(each) for each in sequences], np.int32)
    return Batch(ids, labels, lengths, tuple(range(examples)), **more)


def sft_batch(count: int = 4, **options: Any) -> Batch:
    return batch_of(rows(count, **options), count)


def preference_batch(count: int = 3, *, seed: int = 0, kto: bool = False) -> Batch:
    """Two sequences an example, of the same prompt, with made-up reference log-probabilities."""
    draw = np.random.default_rng(seed)
    prompts = rows(count, seed=seed)
    answers = [[np.concatenate([each, draw.integers(3, 280, 6)]) for each in prompts] for _ in range(2)]
    reference = draw.normal(-35, 2, 2 * count).astype(np.float32)
    desirable = np.arange(count) % 2 == 0 if kto else None
    return batch_of([*answers[0], *answers[1]], count, reference=reference, desirable=desirable)
