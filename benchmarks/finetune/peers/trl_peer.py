"""TRL's SFTTrainer on chats, with loss on what the assistant says; `python trl_peer.py [no-recompute]`."""

from __future__ import annotations

import sys

from benchmarks.finetune.encoding import tokenizer_of
from benchmarks.finetune.meter import Meter, serve
from benchmarks.finetune.peers.models import base_model, clock, lora, trainer_options
from benchmarks.finetune.recipe import Recipe

_MARKED = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The embedded model's template, which is ChatML, with TRL's marks around what is learnt."""


def train(recipe: Recipe, meter: Meter) -> None:
    """All at its defaults but the recipe; `no-recompute` turns off its default gradient checkpointing."""
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    tokenizer = tokenizer_of(recipe.model)
    tokenizer.chat_template = _MARKED
    options = {"gradient_checkpointing": False} if "no-recompute" in sys.argv else {}
    trainer = SFTTrainer(
        model=base_model(recipe),
        args=SFTConfig(**trainer_options(recipe), assistant_only_loss=True, **options),
        train_dataset=Dataset.from_list([{"messages": row["messages"]} for row in recipe.rows("train")]),
        processing_class=tokenizer,
        peft_config=lora(),
        callbacks=[clock(meter)],
    )
    meter.watch(trainer.model)
    trainer.train()
    trainer.model.save_pretrained(recipe.output)


if __name__ == "__main__":
    serve(train)
