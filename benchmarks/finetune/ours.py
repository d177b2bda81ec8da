"""Whetstone's trainer in a process of its own: its data path and its engine, as a job runs them; `ours mlx` on MLX."""

from __future__ import annotations

import sys

from benchmarks.finetune.meter import Meter, serve
from benchmarks.finetune.recipe import ALPHA, RANK, Recipe

from whetstone.finetune.data.batches import Plan, collate
from whetstone.finetune.data.prepare import prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.engine import Engine
from whetstone.finetune.on_torch.packing import pack
from whetstone.finetune.spec import Backend, FineTuneSpec
from whetstone.settings import Settings


def train(recipe: Recipe, meter: Meter) -> None:
    """The recipe as a job's specification."""
    spec = _spec(recipe)
    tokenizer = ChatTokenizer.load(recipe.model)
    examples = prepare(spec.dataset_dir, spec, tokenizer, None).train
    assert len(examples) == len(recipe.rows("train"))
    plan = Plan(examples, spec)
    engine = _engine(recipe, spec)
    packed = engine.describe().get("packed", False)
    meter.start()
    for step in range(plan.total_steps):
        batches = [collate(examples, indexes, tokenizer.pad_id) for indexes in plan.step(step)]
        engine.step(batches, spec.learning_rate)
        for batch in batches:
            meter.count(batch.tokens, len(pack(batch).ids) if packed else batch.ids.size)
    meter.stop()
    engine.save_adapter(recipe.output)
    engine.close()


def _engine(recipe: Recipe, spec: FineTuneSpec) -> Engine:
    settings = Settings(train_threads=recipe.threads)
    if spec.backend == "mlx":
        from whetstone.finetune.on_mlx.engine import MlxEngine

        return MlxEngine(recipe.model, spec, settings)
    from whetstone.finetune.on_torch.engine import TorchEngine

    return TorchEngine(recipe.model, spec, settings)


def _backend(recipe: Recipe) -> Backend:
    if "mlx" in sys.argv:
        return "mlx"
    return "cuda" if recipe.device == "cuda" else "cpu"


def _spec(recipe: Recipe) -> FineTuneSpec:
    rows = recipe.output / "rows.jsonl"
    parts = [
        (recipe.data / f"{split}.jsonl").read_text(encoding="utf-8") for split in ("train", "validation")
    ]
    rows.write_text("".join(parts), encoding="utf-8")
    return FineTuneSpec(
        job_id="benchmark",
        job_dir=recipe.output,
        dataset_id="benchmark",
        dataset_dir=rows,
        backend=_backend(recipe),
        max_length=2048,
        iterations=recipe.steps,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        scheduler="constant",
        warmup_steps=0,
        seed=recipe.seed,
        lora_rank=RANK,
        lora_alpha=ALPHA,
        precision=recipe.precision,
        quantization="4bit" if recipe.four_bit else None,
    )


if __name__ == "__main__":
    serve(train)
