"""The textbook loop: PEFT, a shuffled DataLoader that pads each batch, the model's own loss over all logits."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.finetune.encoding import encode, tokenizer_of
from benchmarks.finetune.meter import Meter, serve
from benchmarks.finetune.peers.models import base_model, lora
from benchmarks.finetune.recipe import Recipe


def train(recipe: Recipe, meter: Meter) -> None:
    """Forward, backward, clip, step."""
    from peft import get_peft_model
    from torch.utils.data import DataLoader
    from transformers import DataCollatorForSeq2Seq

    tokenizer = tokenizer_of(recipe.model)
    model: Any = get_peft_model(base_model(recipe), lora())
    rows: Any = encode(tokenizer, recipe.rows("train"))
    loader = DataLoader(
        rows,
        batch_size=recipe.batch_size,
        shuffle=True,
        collate_fn=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
    )
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    meter.watch(model)
    model.train()
    meter.start()
    for _step, batch in zip(range(recipe.steps), loader, strict=False):
        model(**{key: value.to(recipe.device) for key, value in batch.items()}).loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    meter.stop()
    model.save_pretrained(recipe.output)


if __name__ == "__main__":
    serve(train)
