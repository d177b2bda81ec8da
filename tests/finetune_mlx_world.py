"""Engines on MLX, and the same training written plainly with torch and peft to hold them against."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whetstone.finetune.data.types import IGNORED, Batch
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings

if TYPE_CHECKING:
    from whetstone.finetune.on_mlx.engine import MlxEngine

LAST_TOKEN = 300


def spec(**options: Any) -> FineTuneSpec:
    here = Path()
    return FineTuneSpec(
        job_id="j",
        job_dir=here,
        dataset_id="d",
        dataset_dir=here,
        backend="mlx",
        **({"lora_rank": 4} | options),
    )


def engine(base: Path, settings: Settings | None = None, **options: Any) -> MlxEngine:
    from whetstone.finetune.on_mlx.engine import MlxEngine

    return MlxEngine(base, spec(**options), settings or Settings(_env_file=None))


def batch(seed: int, rows: int = 4, parts: int = 1, *, low: int = 8, high: int = 30, pad: int = 0) -> Batch:
    """Random tokens: `rows` examples of `parts` sequences, each with one or two learnt runs, then padding."""
    draw = np.random.default_rng(seed)
    count = rows * parts
    lengths = draw.integers(low, high, count).astype(np.int32)
    ids = np.full((count, int(lengths.max())), pad, np.int32)
    labels = np.full_like(ids, IGNORED)
    for row, length in enumerate(lengths):
        ids[row, :length] = draw.integers(3, LAST_TOKEN, length)
        for start in (length // 4, length - 3):
            labels[row, start : start + 2] = ids[row, start : start + 2]
    preferences: dict[str, Any] = {}
    if parts > 1:
        preferences["reference"] = draw.normal(-24, 1, count).astype(np.float32)
        preferences["desirable"] = draw.random(rows) < 0.5
    return Batch(ids, labels, lengths, tuple(range(rows)), **preferences)


def torch_model(base: Path, adapter: Path | None = None) -> Any:
    """The base in transformers, with the adapter (PEFT layout) in it, ready to be trained."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is None:
        return model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an older name
        return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)


def torch_log_probabilities(model: Any, batch: Batch) -> Any:
    """(sequences,) summed over learnt tokens, from all logits."""
    import torch

    ids, labels = torch.tensor(batch.ids).long(), torch.tensor(batch.labels).long()
    mask = torch.arange(ids.shape[1])[None] < torch.tensor(batch.lengths)[:, None]
    logits = model(input_ids=ids, attention_mask=mask.long()).logits[:, :-1].float()
    target = labels[:, 1:]
    each = logits.log_softmax(-1).gather(-1, target.clamp(min=0)[..., None])[..., 0]
    return (each * (target != IGNORED)).sum(-1)


def torch_loss(model: Any, batches: Sequence[Batch], options: FineTuneSpec) -> Any:
    """The loss of one step, written from the papers."""
    import torch

    if options.method == "sft":
        total = sum(int((each.labels[:, 1:] != IGNORED).sum()) for each in batches)
        return -sum(torch_log_probabilities(model, each).sum() for each in batches) / total
    ratios = [torch_log_probabilities(model, each) - torch.tensor(each.reference) for each in batches]
    pairs = [ratio.chunk(2) for ratio in ratios]
    reference_point = torch.cat([second for _, second in pairs]).mean().clamp(min=0).detach()
    losses = []
    for each, (first, second) in zip(batches, pairs, strict=True):
        if options.method == "dpo":
            losses.append(-torch.nn.functional.logsigmoid(options.beta * (first - second)))
            continue
        for value, good in zip(first, each.desirable if each.desirable is not None else (), strict=True):
            gain = value - reference_point if good else reference_point - value
            losses.append(1 - torch.sigmoid(options.beta * gain)[None])
    return torch.cat(losses).mean()


def torch_training(
    model: Any, steps: Sequence[Sequence[Batch]], rates: Sequence[float], options: FineTuneSpec
) -> tuple[list[float], list[float]]:
    """(losses, gradient norms) of a plain loop."""
    import torch

    parameters = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=options.weight_decay)
    losses, norms = [], []
    for batches, rate in zip(steps, rates, strict=True):
        loss = torch_loss(model, batches, options)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, options.max_grad_norm)))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def torch_greedy(model: Any, prompt: Sequence[int], limit: int) -> list[int]:
    import torch

    ids = torch.tensor([list(prompt)])
    with torch.no_grad():
        for _ in range(limit):
            ids = torch.cat([ids, model(input_ids=ids).logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return list(ids[0, len(prompt) :].tolist())
