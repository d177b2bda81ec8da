"""Cuts a text into pieces for the models, at places that names do not cross.

A piece depends only on the text from its own start on, so a text that grows keeps its earlier pieces, and the
models' answers for them are found in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_CHARACTERS: Final = 480
_MIN_CHARACTERS = 160
"""No search for an end of a sentence before this many characters: short pieces tell a model too little."""
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|[。！？।؟]")


class Chunk(NamedTuple):
    """A piece of a text and where it starts there."""

    start: int
    text: str


def chunks(text: str) -> Iterator[Chunk]:
    """The pieces, in order; together they are the text."""
    start = 0
    while start < len(text):
        end = _end(text, start)
        yield Chunk(start, text[start:end])
        start = end


def _end(text: str, start: int) -> int:
    limit = start + MAX_CHARACTERS
    if limit >= len(text):
        return len(text)
    earliest = start + _MIN_CHARACTERS
    for separator in ("\n\n", "\n"):
        found = text.rfind(separator, earliest, limit)
        if found >= 0:
            return found + len(separator)
    sentence = 0
    for match in _SENTENCE_END.finditer(text, earliest, limit):
        sentence = match.end()
    if sentence:
        return sentence
    return max(text.rfind(space, earliest, limit) + 1 for space in (" ", "\t", ",", ">")) or limit


_LETTERS = re.compile(r"[^\W\d_]{2,}")
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_-]{64,}")
_DIGITS = re.compile(r"\d(?:[ ().-]{0,2}\d){5}")


def may_hold_name(text: str) -> bool:
    """Whether a model could find anything: there are words, or enough digits for an id, outside of opaque runs."""
    if len(text) >= 64:
        text = _OPAQUE.sub(" ", text)
    return _LETTERS.search(text) is not None or _DIGITS.search(text) is not None
