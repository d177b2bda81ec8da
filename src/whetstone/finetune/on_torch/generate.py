"""Greedy continuations of many prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from whetstone.finetune.on_torch.forward import Forward
from whetstone.finetune.on_torch.packing import SHORTEST_SHARED

_BATCH_TOKENS = 4096
_BATCH_ROWS = 32


def greedy(
    forward: Forward, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop: frozenset[int]
) -> list[list[int]]:
    """The likeliest next token again and again, up to a stop token (left out) or each prompt's `max_new_tokens`.

    Prompts of similar length go together: what they begin with is computed once, the rest is padded on its left with
    masked tokens.
    """
    answers: list[list[int]] = [[] for _ in prompts]
    wanted = [i for i, most in enumerate(max_new_tokens) if most > 0]
    for group in _groups(sorted(wanted, key=lambda i: (len(prompts[i]), i)), prompts):
        found = _group(forward, [prompts[i] for i in group], [max_new_tokens[i] for i in group], stop)
        for i, answer in zip(group, found, strict=True):
            answers[i] = answer
    return answers


def _groups(order: Sequence[int], prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    groups: list[list[int]] = [[]]
    for i in order:
        rows = len(groups[-1]) + 1
        if groups[-1] and (rows > _BATCH_ROWS or rows * len(prompts[i]) > _BATCH_TOKENS):
            groups.append([])
        groups[-1].append(i)
    return [group for group in groups if group]


def _group(
    forward: Forward, prompts: Sequence[Sequence[int]], most: Sequence[int], stop: frozenset[int]
) -> list[list[int]]:
    device = forward.device
    shared = _shared(prompts) if forward.packed else 0
    cache = _beginning(forward, prompts[0][:shared], len(prompts)) if shared else None
    rests = [list(prompt[shared:]) for prompt in prompts]
    longest = max(len(rest) for rest in rests)
    ids = torch.tensor([[0] * (longest - len(rest)) + rest for rest in rests], device=device)
    places = torch.arange(longest, device=device)[None] - torch.tensor(
        [[longest - len(rest)] for rest in rests], device=device
    )
    mask = torch.cat([places.new_ones(len(rests), shared), (places >= 0).long()], 1)
    positions = places.clamp(min=0) + shared
    answers: list[list[int]] = [[] for _ in prompts]
    alive = list(range(len(prompts)))
    for _ in range(max(most)):
        result = forward.inner(
            input_ids=ids,
            attention_mask=mask if int(mask.min()) == 0 else None,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        cache = result.past_key_values
        chosen = forward.head.logits(result.last_hidden_state[:, -1]).argmax(1)
        kept = []
        for place, (row, token) in enumerate(zip(alive, chosen.tolist(), strict=True)):
            if token in stop:
                continue
            answers[row].append(token)
            if len(answers[row]) < most[row]:
                kept.append(place)
        if not kept:
            break
        if len(kept) < len(alive):
            index = torch.tensor(kept, device=device)
            cache.batch_select_indices(index)
            chosen, mask, positions = chosen[index], mask[index], positions[index]
            alive = [alive[place] for place in kept]
        ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        positions = positions[:, -1:] + 1
    return answers


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """How many first tokens all prompts have in common, leaving one of each; 0 where it is not worth a pass."""
    if len(prompts) == 1:
        return 0
    common = 0
    for tokens in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        if len(set(tokens)) > 1:
            break
        common += 1
    return common if common >= SHORTEST_SHARED else 0


def _beginning(forward: Forward, ids: Sequence[int], rows: int) -> Any:
    """The cache of `ids`, computed once and there for each of `rows`."""
    cache = forward.inner(
        input_ids=torch.tensor([list(ids)], device=forward.device), use_cache=True
    ).past_key_values
    cache.batch_repeat_interleave(rows)
    return cache
