"""Chats as token ids with transformers' own tokenizer, for the peers and the evaluator: learnt is the answer with its
end-of-turn token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

IGNORED = -100


def tokenizer_of(model: Path) -> Any:
    """The model's tokenizer; its ends are marked by the chat template."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)


def encode(tokenizer: Any, rows: Sequence[dict[str, Any]]) -> list[dict[str, list[int]]]:
    """`input_ids`, `attention_mask` and `labels` (unshifted) of each chat, whose last message is the answer."""
    encoded = []
    for row in rows:
        messages = row["messages"]
        prompt = _ids(tokenizer, messages[:-1], add_generation_prompt=True)
        whole = _ids(tokenizer, messages)
        assert whole[: len(prompt)] == prompt
        end = max(i for i, token in enumerate(whole) if token == tokenizer.eos_token_id) + 1
        labels = [token if len(prompt) <= i < end else IGNORED for i, token in enumerate(whole)]
        encoded.append({"input_ids": whole, "attention_mask": [1] * len(whole), "labels": labels})
    return encoded


def _ids(tokenizer: Any, messages: list[dict[str, str]], **options: Any) -> list[int]:
    found = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
    return [int(token) for token in found]
