"""What the torch peers share: the base model in the recipe's precision, and its LoRA layers."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.finetune.recipe import ALPHA, RANK, Recipe
from peft import LoraConfig


def base_model(recipe: Recipe) -> Any:
    """The base model on its device. Sets torch's threads and seed."""
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    options: dict[str, Any] = {"dtype": torch.bfloat16 if recipe.device == "cuda" else torch.float32}
    if recipe.four_bit:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    model = AutoModelForCausalLM.from_pretrained(recipe.model, **options)
    model.config.use_cache = False
    return model if recipe.four_bit else model.to(recipe.device)


def lora() -> LoraConfig:
    """The recipe's adapter."""
    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def trainer_options(recipe: Recipe) -> dict[str, Any]:
    """The recipe as transformers' training arguments; whatever it does not name stays at the trainer's default."""
    return {
        "output_dir": str(recipe.output / "trainer"),
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": recipe.seed,
        "bf16": recipe.device == "cuda",
        "use_cpu": recipe.device == "cpu",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def clock(meter: Any) -> Any:
    """A callback that runs the meter while a transformers trainer trains."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_train_begin(self, *_arguments: Any, **_named: Any) -> None:
            meter.start()

        def on_train_end(self, *_arguments: Any, **_named: Any) -> None:
            meter.stop()

    return Clock()
