"""A bounded memory of filtered texts: system prompts and tool schemas come back in every call."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from whetstone.privacy.scanner import Redaction

_SHORT = 64


class RedactionCache:
    """Least recently used results by the hash of their text; limited in entries and in characters kept."""

    def __init__(self, max_entries: int = 16_384, max_characters: int = 8_000_000) -> None:
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._entries: OrderedDict[str | bytes, Redaction | None] = OrderedDict()
        self._characters = 0

    def get(self, text: str) -> Redaction | None:
        """The result for a text seen before."""
        key = _key(text)
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        # An unchanged text is not stored again: None stands for it.
        return self._entries[key] or Redaction(text)

    def put(self, text: str, redaction: Redaction) -> None:
        """Remember a result."""
        kept = None if redaction.text == text and not redaction.counts else redaction
        self._entries[_key(text)] = kept
        self._characters += _size(kept)
        while len(self._entries) > self._max_entries or self._characters > self._max_characters:
            _, old = self._entries.popitem(last=False)
            self._characters -= _size(old)


def _key(text: str) -> str | bytes:
    if len(text) <= _SHORT:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _size(redaction: Redaction | None) -> int:
    return 0 if redaction is None else len(redaction.text)
