"""What was found in one trajectory, so that it is removed everywhere in it."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.names.known import KnownNames

NAME_KINDS: Final = frozenset(["person", "location", "organization"])
# User names, which keys tell, are too often ordinary words.
_NAME_ORDERS: Final = frozenset([Order.PERSON, Order.LOCATION, Order.ORGANIZATION])
_MIN_VALUE = 6
_MIN_NUMBER = 5
_MIN_CODE = 4
# What has no shape of its own, and was told by the words or the key next to it: elsewhere it would pass.
_VALUE_ORDERS: Final = frozenset(
    [Order.CREDENTIAL, Order.ASSIGNMENT, Order.IDENTITY, Order.PHONE, Order.DATE, Order.ADDRESS]
)
_WORD: Final = re.compile(r"\w+")
_NAME_WORD: Final = re.compile(r"[^\W\d_]+")
_WORDS: Final = re.compile(r"[a-z]+(?:[ _-][a-z]+)*\Z", re.IGNORECASE)


class Findings:
    """Names in all their forms, and numbers and secrets to the letter."""

    def __init__(self) -> None:
        self._known = KnownNames()
        self.names: dict[tuple[str, str], None] = {}
        """Names and their kinds, in the order in which they were found."""
        self._values: dict[str, Span] = {}
        self._places: dict[str, list[tuple[int, int]]] = {}
        """By the first word of values: their lengths, negative and sorted, and where in them that word is."""
        self._spared: set[str] = set()

    def __len__(self) -> int:
        """How much is known; grows when something new is learned."""
        return len(self.names) + len(self._values)

    def spare(self, name: str) -> None:
        """Let a name stay; to be called before any other is learned."""
        self._spared.update(name.casefold().split())

    def spares(self, span: Span, value: str) -> bool:
        """Whether a find is nothing but a name that stays."""
        return bool(self._spared) and span.kind in NAME_KINDS and self._is_spared(value)

    def learn(self, span: Span, value: str) -> None:
        """Note a find. Only what cannot be an ordinary word is looked for elsewhere."""
        if span.kind in NAME_KINDS:
            if span.order in _NAME_ORDERS:
                self.learn_name(value, span.kind)
        elif span.order in _VALUE_ORDERS and _is_telling(value, span.kind) and value not in self._values:
            self._values[value] = span
            if word := _WORD.search(value):
                places = self._places.setdefault(word[0], [])
                if (place := (-len(value), word.start())) not in places:
                    insort(places, place)

    def learn_name(self, name: str, kind: str) -> None:
        """Note the name of a person, a place or an organisation."""
        if (name, kind) not in self.names and not self._is_spared(name):
            self.names[name, kind] = None
            self._known.add(name, kind)

    def _is_spared(self, name: str) -> bool:
        words = _NAME_WORD.findall(name.casefold().replace("’s", "").replace("'s", ""))
        return bool(words) and self._spared.issuperset(words)

    def find(self, text: str) -> Iterator[Span]:
        """Every occurrence of what is known."""
        if self.names:
            yield from self._known.find(text)
        if self._places:
            yield from self._occurrences(text)

    def _occurrences(self, text: str) -> Iterator[Span]:
        """Values as whole words, the longest first; a pattern of them all would take time for each at each word."""
        done = 0
        for word in _WORD.finditer(text):
            for negative_length, lead in self._places.get(word[0], ()):
                start = word.start() - lead
                end = start - negative_length
                fits = done <= start and end <= len(text)
                span = self._values.get(text[start:end]) if fits else None
                if span is not None and not (_is_word(text, start - 1) or _is_word(text, end)):
                    yield span._replace(start=start, end=end)
                    done = end
                    break


def _is_word(text: str, position: int) -> bool:
    return 0 <= position < len(text) and (text[position].isalnum() or text[position] == "_")


def _is_telling(value: str, kind: str) -> bool:
    if "\n" in value:
        return False
    if any(map(str.isdigit, value)):
        return len(value) >= (_MIN_CODE if kind == "password" else _MIN_NUMBER)
    return len(value) >= _MIN_VALUE and not _WORDS.match(value)
