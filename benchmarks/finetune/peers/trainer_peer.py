"""transformers' Trainer with the collator for labelled sequences, all else at its defaults."""

from __future__ import annotations

from typing import cast

from benchmarks.finetune.encoding import encode, tokenizer_of
from benchmarks.finetune.meter import Meter, serve
from benchmarks.finetune.peers.models import base_model, clock, lora, trainer_options
from benchmarks.finetune.recipe import Recipe


def train(recipe: Recipe, meter: Meter) -> None:
    """The recipe as its documentation shows it."""
    from peft import get_peft_model
    from torch.utils.data import Dataset
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    tokenizer = tokenizer_of(recipe.model)
    model = get_peft_model(base_model(recipe), lora())
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**trainer_options(recipe)),
        train_dataset=cast("Dataset[object]", encode(tokenizer, recipe.rows("train"))),
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
        callbacks=[clock(meter)],
    )
    meter.watch(model)
    trainer.train()
    model.save_pretrained(recipe.output)


if __name__ == "__main__":
    serve(train)
