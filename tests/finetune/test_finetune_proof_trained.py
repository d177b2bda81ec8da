"""The proof with the real engine: a tiny model that learns shows its gain, and one that learnt nothing shows none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune_world import chat_rows, tiny_base, write_rows
from whetstone.finetune.data.batches import Plan, collate
from whetstone.finetune.data.prepare import prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.on_torch.engine import TorchEngine
from whetstone.finetune.proof import held_out_losses, prove
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


def test_a_trained_model_is_better_on_rows_that_it_never_saw(tmp_path: Path) -> None:
    rows = chat_rows(140)
    for index, row in enumerate(rows):
        row["metadata"] = {"split": "test" if index < 24 else "validation" if index < 28 else "train"}
    spec = FineTuneSpec(
        job_id="job",
        job_dir=tmp_path,
        dataset_id="dataset",
        dataset_dir=write_rows(tmp_path / "rows.jsonl", rows),
        iterations=40,
        batch_size=8,
        learning_rate=1e-2,
    )
    # Large enough first weights that a head which is not trained can tell its tokens apart.
    base = tiny_base(tmp_path / "base", initializer_range=0.1)
    tokenizer = ChatTokenizer.load(base)
    prepared = prepare(spec.dataset_dir, spec, tokenizer)
    engine = TorchEngine(base, spec, Settings(train_threads=1))
    before = held_out_losses(engine, prepared.test, tokenizer.pad_id, 8)
    options: dict[str, Any] = {
        "base": before, "max_rows": 24, "batch_size": 8, "seed": 0, "say": lambda _text: None,
    }  # fmt: skip

    untrained = prove(engine, prepared.test, tokenizer, **options)
    assert untrained.loss is not None
    assert untrained.loss.delta == 0.0
    assert untrained.decision == "inconclusive"

    plan = Plan(prepared.train, spec)
    for step in range(plan.total_steps):
        batches = [collate(prepared.train, indexes, tokenizer.pad_id) for indexes in plan.step(step)]
        engine.step(batches, spec.learning_rate)
    trained = prove(engine, prepared.test, tokenizer, **options)
    assert trained.loss is not None
    assert trained.loss.interval is not None
    assert trained.loss.interval[1] < -1
    assert trained.decision == "promoted"
    found = trained.to_dict()
    assert found["baseScore"] == 0.0
    assert found["tunedScore"] > 0.8
