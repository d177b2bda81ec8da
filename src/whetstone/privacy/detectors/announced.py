"""Identifiers of a weak shape, found where the words before them say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.announcements import ANNOUNCEMENTS, Announcement
from whetstone.privacy.detectors.context import Phrases, all_words, words_before
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

# Where a value may begin: a token with a digit near its beginning.
_STARTS: Final = re.compile(
    r"(?<![^\W_])(?=[A-Za-z]{0,9}\d|[A-Z]{1,3}[ .-]\d|[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2}[ -]?\d|[Xx*]{3}-)"
)
_LETTERS: Final = re.compile(r"[A-Za-z]{2,}(?=[ .-])")
_PHRASES: Final[Phrases[Announcement]] = Phrases(ANNOUNCEMENTS)


@dataclass(frozen=True, slots=True)
class AnnouncedDetector:
    """Passports, licences, accounts, national ids and devices by name and number."""

    kind: str = "national-id"
    replacement: str = label("national-id")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values alone."""
        if not _PHRASES.may_occur(all_words(text)):
            return
        position = 0
        for start in (match.start() for match in _STARTS.finditer(text)):
            if start < position:
                continue
            span = _value_at(text, start)
            if span is not None:
                position = span.end
                yield span


def _value_at(text: str, start: int) -> Span | None:
    word = _LETTERS.match(text, start)
    if word is not None and _PHRASES.introduces(word[0].lower()):
        return None  # "SSN 123…", "IS 123…": the value begins later
    for announcement in _PHRASES.announced(words_before(text, start)):
        match = announcement.shape.match(text, start)
        if match is not None and (announcement.check is None or announcement.check(match[0])):
            kind = announcement.kind
            return Span(start, match.end(), kind, label(kind), Order.IDENTITY, rank=4)
    return None
