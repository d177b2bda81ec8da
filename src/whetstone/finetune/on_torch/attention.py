"""Attention over a tree of segments (see `packing`), as an attention function of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from whetstone.finetune.on_torch.packing import Segment

NAME = "whetstone_tree"


_OTHER_KINDS = ("softcap", "s_aux", "position_bias", "sliding_window", "cache")
"""Arguments by which a model asks for more than softmax over all earlier tokens."""


def register() -> None:
    """Make the function known to transformers as `NAME`. Without segments it is plain SDPA."""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def _attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    segments: Sequence[Segment] | None = None,
    **kwargs: Any,
) -> tuple[Any, None]:
    """`query` (1, heads, tokens, size), `key` and `value` (1, kv heads, tokens, size) -> (1, tokens, heads, size).

    Raises `ValueError` for a kind of attention that segments do not have.
    """
    if segments is None:
        result, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return result, None
    for name in _OTHER_KINDS:
        if kwargs.get(name) is not None:
            raise ValueError(f"segments do not go with {name}")
    kind = query.dtype
    if query.device.type == "cpu" and kind == torch.bfloat16:
        # The gradient of the CPU's kernel is twice as slow in bf16 as in fp32, even where products are faster
        query, key, value = query.float(), key.float(), value.float()
    lengths = [segment.length for segment in segments]
    keys, values = key.split(lengths, 2), value.split(lengths, 2)
    parts = [
        _segment(part, keys, values, segments, index, scaling, dropout)
        for index, part in enumerate(query.split(lengths, 2))
    ]
    return torch.cat(parts, 1).to(kind), None


def _segment(
    query: Any,
    keys: Sequence[Any],
    values: Sequence[Any],
    segments: Sequence[Segment],
    index: int,
    scaling: float | None,
    dropout: float,
) -> Any:
    """(1, tokens of the segment, heads, size)"""
    line = (*segments[index].ancestors, index)
    if len(line) == 1:
        key, value, mask = keys[index], values[index], None
    else:
        key, value = (torch.cat([part[i] for i in line], 2) for part in (keys, values))
        own, all_of_it = query.shape[2], key.shape[2]
        mask = torch.ones(own, all_of_it, dtype=torch.bool, device=query.device).tril_(all_of_it - own)
    result = scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        scale=scaling,
        is_causal=mask is None,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return result.transpose(1, 2)
