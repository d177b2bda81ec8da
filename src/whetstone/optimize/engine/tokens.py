"""How many tokens a text takes, estimated without a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.lm.types import Message, content_text

CHARACTERS_PER_TOKEN = 3.0
_TOKENS_PER_FOREIGN_CHARACTER = 1.5
_TOKENS_PER_MESSAGE = 5


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Tokens of `messages`, on the high side: 3 characters of ASCII or two thirds of any other character each."""
    ascii_count = foreign_count = 0
    for message in messages:
        content = content_text(message.get("content"))
        plain = len(content.encode("ascii", "ignore"))
        ascii_count += plain
        foreign_count += len(content) - plain
    estimate = ascii_count / CHARACTERS_PER_TOKEN + foreign_count * _TOKENS_PER_FOREIGN_CHARACTER
    return int(estimate) + _TOKENS_PER_MESSAGE * len(messages) + 1
