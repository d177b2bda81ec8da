"""mlx-lm's own trainer on chats, with its masked prompt. It neither clips gradients nor sorts rows by length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.optimizers
from benchmarks.finetune.meter import Meter, serve
from benchmarks.finetune.recipe import ALPHA, RANK, Recipe
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.tuner.datasets import CacheDataset, ChatDataset
from mlx_lm.tuner.trainer import TrainingArgs, iterate_batches
from mlx_lm.tuner.trainer import train as mlx_train
from mlx_lm.tuner.utils import linear_to_lora_layers


def train(recipe: Recipe, meter: Meter) -> None:
    """What `mlx_lm.lora --train --mask-prompt` does, by its functions."""
    mx.random.seed(recipe.seed)
    model, tokenizer, *_ = load(str(recipe.model))
    model.freeze()
    linear_to_lora_layers(model, len(model.layers), {"rank": RANK, "scale": ALPHA / RANK, "dropout": 0.0})
    rows = CacheDataset(ChatDataset(recipe.rows("train"), tokenizer, mask_prompt=True))

    def counted(*arguments: Any, **named: Any) -> Iterator[Any]:
        for batch, spans in iterate_batches(*arguments, **named):
            meter.count(int(spans[:, 1].sum().item()), batch.size)
            yield batch, spans

    meter.start()
    mlx_train(
        model=model,
        optimizer=mlx.optimizers.AdamW(recipe.learning_rate, weight_decay=0.0, bias_correction=True),
        train_dataset=rows,
        args=TrainingArgs(
            batch_size=recipe.batch_size,
            iters=recipe.steps,
            adapter_file=str(recipe.output / "mlx.safetensors"),
            max_seq_length=1024,
        ),
        iterate_batches=counted,
    )
    meter.stop()
    _save_as_peft(model, recipe)


def _save_as_peft(model: Any, recipe: Recipe) -> None:
    weights, modules = {}, set()
    for name, array in tree_flatten(model.trainable_parameters()):
        module, _, kind = name.rpartition(".")
        weights[
            f"base_model.model.{module}.{kind.replace('lora_a', 'lora_A').replace('lora_b', 'lora_B')}.weight"
        ] = mx.contiguous(array.T)
        modules.add(module.rpartition(".")[2])
    mx.save_safetensors(str(recipe.output / "adapter_model.safetensors"), weights, {"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": sorted(modules),
    }
    (recipe.output / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


if __name__ == "__main__":
    serve(train)
