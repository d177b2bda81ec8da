"""Greedy continuations of many prompts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from whetstone.finetune.on_mlx.model import Selector
from whetstone.finetune.on_mlx.runtime import caches, mx

_BATCH_ROWS = 16
_BATCH_TOKENS = 8192


def greedy(
    model: Any,
    selector: Selector,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    stop: frozenset[int],
) -> list[list[int]]:
    """The most probable continuation of each prompt, up to its limit or a stop token, which is left out."""
    answers: list[list[int]] = [[] for _ in prompts]
    padded = all(type(each) is caches.KVCache for each in caches.make_prompt_cache(model))
    for rows in _batches([len(prompt) for prompt in prompts], padded=padded):
        _answer(
            model, selector, [(row, prompts[row], limits[row]) for row in rows], stop, answers, padded=padded
        )
        mx.clear_cache()
    return answers


def _batches(lengths: Sequence[int], *, padded: bool) -> Iterator[list[int]]:
    """Rows of similar length; of equal length where the model's cache (sliding, recurrent) knows no padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        full = len(batch) == _BATCH_ROWS or (len(batch) + 1) * lengths[row] > _BATCH_TOKENS
        if batch and (full or (not padded and lengths[row] != lengths[batch[0]])):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _answer(
    model: Any,
    selector: Selector,
    rows: list[tuple[int, Sequence[int], int]],
    stop: frozenset[int],
    answers: list[list[int]],
    *,
    padded: bool,
) -> None:
    """Fill in `answers` of these (row, prompt, limit)."""
    longest = max(len(prompt) for _, prompt, _ in rows)
    padding = [longest - len(prompt) for _, prompt, _ in rows]
    cache = [caches.BatchKVCache(padding) if padded else each for each in caches.make_prompt_cache(model)]
    ids = mx.array(
        np.array([[0] * pad + list(row[1]) for pad, row in zip(padding, rows, strict=True)], np.int32)
    )
    live = [(row, limit) for row, _, limit in rows]
    done = {row for row, limit in live if limit < 1}
    while len(done) < len(rows):
        ends = mx.arange(1, len(live) + 1) * ids.shape[1] - 1
        following = mx.argmax(selector.logits(ids, ends, cache), axis=-1)
        mx.eval(following, [each.state for each in cache] if padded else [])
        tokens = following.tolist()
        for (row, limit), token in zip(live, tokens, strict=True):
            if row in done:
                continue
            if token not in stop:
                answers[row].append(token)
            if token in stop or len(answers[row]) >= limit:
                done.add(row)
        kept = [i for i, (row, _) in enumerate(live) if row not in done]
        if padded and kept and len(kept) < len(live):
            chosen = mx.array(kept)
            for each in cache:
                each.filter(chosen)
            following, live = following[chosen], [live[i] for i in kept]
        ids = following[:, None]
