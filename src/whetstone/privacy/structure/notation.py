"""Encoded text: what a find of it is, and notations in which some characters are written as escapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Encoded(NamedTuple):
    """`text[start:end]` says `decoded`; `encode` writes another text in the same way."""

    start: int
    end: int
    decoded: str
    encode: Callable[[str], str]
    key: str = ""
    """Name of the query parameter or form field whose value this is."""


@dataclass(frozen=True, slots=True)
class Notation:
    """A spelling of text by escapes; what is no escape stands for itself."""

    pattern: re.Pattern[str]
    """One escape."""
    meaning: Callable[[str], str]
    """What an escape stands for."""
    spell: Callable[[str], str]
    """Writes any text so that reading gives it back."""

    def read(self, raw: str) -> str:
        """The text that is meant."""
        return self.pattern.sub(lambda match: self.meaning(match[0]), raw)

    def rewrite(self, raw: str, text: str) -> str:
        """A spelling of `text`, as far as possible with the one that `raw` has at its two ends."""
        old = self.read(raw)
        if text == old:
            return raw
        head = _common_prefix(old, text)
        tail = _common_prefix(old[head:][::-1], text[head:][::-1])
        (raw_head, head), (raw_tail, end) = self._borders(raw, head, len(old) - tail)
        middle = text[head : len(text) - (len(old) - end)]
        candidate = raw[:raw_head] + self.spell(middle) + raw[raw_tail:]
        return candidate if self.read(candidate) == text else self.spell(text)

    def _borders(self, raw: str, head: int, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The last place up to `head` and the first from `end` on that is inside no escape: in raw text, and read."""
        first: tuple[int, int] | None = None
        position = length = 0  # raw and read characters so far
        for match in self.pattern.finditer(raw):
            plain = match.start() - position
            if first is None and head <= length + plain:
                first = (position + head - length, head)
            if end <= length + plain:
                return first or (position, length), (position + end - length, end)
            position, length = match.start(), length + plain
            after = length + len(self.meaning(match[0]))
            if first is None and head < after:
                first = (position, length)
            position, length = match.end(), after
            if end <= length:
                return first or (position, length), (position, length)
        first = first or (position + head - length, head)
        return first, (position + end - length, end)


def _common_prefix(left: str, right: str) -> int:
    """Length of the beginning that two texts share."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
