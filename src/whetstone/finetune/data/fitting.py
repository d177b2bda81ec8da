"""Tokenised rows that fit: what is too long loses its oldest messages, or is left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from whetstone.finetune.data.material import Material
from whetstone.finetune.data.messages import Chat
from whetstone.finetune.data.template import NotRenderableError
from whetstone.finetune.data.tokenizer import ChatTokenizer, Conversation
from whetstone.finetune.data.types import Rendered
from whetstone.finetune.spec import FineTuneSpec

NOT_RENDERABLE = "not_renderable"  # the chat template does not take it
TOO_LONG = "too_long"  # longer than maxLength, also after its oldest messages are gone
NOTHING_LEARNT = "nothing_learnt"  # the answer has no tokens


@dataclass(frozen=True, slots=True)
class Fitted:
    """A row, possibly cut, and its tokens by answer."""

    material: Material
    sequences: tuple[Rendered, ...]
    cut: bool


def fitted(
    material: Sequence[Material], tokenizer: ChatTokenizer, spec: FineTuneSpec
) -> tuple[list[Fitted], Counter[str]]:
    """The rows that can be learnt, in order, and how many were left out, by reason."""
    dropped: Counter[str] = Counter()
    kept: list[Fitted] = []
    rendered = tokenizer.conversations(chat for each in material for chat in conversations(each))
    for each in material:
        found = _fit(each, list(islice(rendered, len(each.answers))), tokenizer, spec)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            kept.append(found)
    return kept, dropped


def conversations(material: Material) -> list[Conversation]:
    """The question with each of the answers."""
    return [
        Conversation([*material.question, answer], material.tools, material.learn)
        for answer in material.answers
    ]


def units(question: Chat) -> list[list[int]]:
    """What may be left out of a question, the oldest first, as indexes of messages that go together.

    The system prompt at the start and the last user message stay; tool results go with the message that called.
    """
    users = [index for index, message in enumerate(question) if message["role"] == "user"]
    last_user = users[-1] if users else len(question) - 1
    found: list[list[int]] = []
    belongs = False
    for index, message in enumerate(question):
        if index == last_user or (index == 0 and message["role"] == "system"):
            belongs = False
        elif message["role"] == "tool" and belongs:
            found[-1].append(index)
        else:
            found.append([index])
            belongs = True
    return found


def without_oldest(question: Chat, count: int) -> Chat:
    """The question without its `count` oldest units."""
    gone = {index for unit in units(question)[:count] for index in unit}
    return [message for index, message in enumerate(question) if index not in gone]


def _fit(
    material: Material,
    rendered: Sequence[Rendered | NotRenderableError],
    tokenizer: ChatTokenizer,
    spec: FineTuneSpec,
) -> Fitted | str:
    sequences = [each for each in rendered if isinstance(each, Rendered)]
    if len(sequences) < len(rendered):
        return NOT_RENDERABLE
    if not all(each.learnt.any() for each in sequences):
        return NOTHING_LEARNT
    if _longest(sequences) <= spec.max_length:
        return Fitted(material, tuple(sequences), cut=False)
    return _cut(material, tokenizer, spec.max_length) if spec.overlong == "cut" else TOO_LONG


def _cut(material: Material, tokenizer: ChatTokenizer, limit: int) -> Fitted | str:
    """The row without the fewest oldest messages with which it fits."""

    def attempt(count: int) -> Fitted | None:
        """Cut by `count` units; None when that does not fit, or cannot be rendered."""
        shorter = replace(material, question=without_oldest(material.question, count))
        found = list(tokenizer.conversations(conversations(shorter)))
        sequences = [each for each in found if isinstance(each, Rendered) and each.learnt.any()]
        if len(sequences) < len(found) or _longest(sequences) > limit:
            return None
        return Fitted(shorter, tuple(sequences), cut=True)

    low, high = 1, len(units(material.question))
    best = attempt(high) if high else None
    if best is None:
        return TOO_LONG
    while low < high:
        middle = (low + high) // 2
        found = attempt(middle)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return best


def _longest(sequences: Sequence[Rendered]) -> int:
    return max(each.tokens for each in sequences)
