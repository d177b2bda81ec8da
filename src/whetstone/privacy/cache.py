"""A bounded memory of scanned texts: system prompts and tool schemas come back in every call."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from whetstone.privacy.detectors.spans import Span

_SHORT = 64


class SpanCache:
    """Least recently used findings by the hash of their text; holds no text but short ones."""

    def __init__(self, max_entries: int = 32_768, max_spans: int = 262_144) -> None:
        self._max_entries = max_entries
        self._max_spans = max_spans
        self._entries: OrderedDict[str | bytes, tuple[Span, ...]] = OrderedDict()
        self._spans = 0

    def get(self, text: str) -> tuple[Span, ...] | None:
        """What was found in a text seen before."""
        key = _key(text)
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, text: str, found: tuple[Span, ...]) -> None:
        """Remember what was found in a text that is not remembered."""
        self._entries[_key(text)] = found
        self._spans += len(found)
        while len(self._entries) > self._max_entries or self._spans > self._max_spans:
            _, old = self._entries.popitem(last=False)
            self._spans -= len(old)


def _key(text: str) -> str | bytes:
    if len(text) <= _SHORT:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
