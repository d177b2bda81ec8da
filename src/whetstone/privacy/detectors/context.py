"""The words before a value, and the phrases that announce one: "passport no. C01X00T47", `Steuer-ID: …`.

Between phrase and value only small words that introduce a value may stand, so `account holder since 2019`
announces nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

_WINDOW: Final = 64
_MAX_WORDS: Final = 10
# Words in camel and snake case fall apart; numbers, ends of sentences and the gaps of removed text end a phrase.
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|\n{3}|(?<![Nn][or])[.!?]\s(?=[A-Z])|;")
_FILLER: Final = frozenset(
    [
        "a", "an", "the", "is", "are", "was", "be", "it", "its", "s", "my", "your", "his", "her", "our",
        "their", "number", "numbers", "num", "no", "nr", "nbr", "n", "id", "ids", "code", "ref", "of",
        "for", "on", "at", "to", "as", "in", "this", "that", "following", "follows", "me", "us", "him",
        "them", "which", "provided", "given", "entered", "new", "old", "current", "value", "equals",
        "here", "and", "with", "please", "under", "same", "also", "registered", "full", "complete",
        "first", "last", "holder", "home", "work", "office", "personal", "private", "business", "main",
        "primary", "alternate", "alternative", "direct", "nummer", "numero", "numéro", "número", "numer",
        "numaram", "numarası", "numaranız", "lautet", "ist", "sind", "mein", "meine", "meiner", "dein", "ihre", "ihr", "unter", "der", "die",
        "das", "den", "vom", "de", "del", "du", "la", "le", "les", "el", "lo", "il", "est", "es", "son",
        "mi", "mon", "ma", "mes", "votre", "su", "sua", "suo", "mio", "mia", "meu", "minha", "é", "è",
        "e", "al", "au", "do", "da", "jest", "mój", "moja", "het", "mijn", "uw", "op", "av", "är", "min",
        "mitt", "nro", "nº", "№", "номер", "мой", "это", "td", "tr", "th", "b", "strong", "span", "div",
        "li", "br", "p", "string", "str", "text", "data", "field", "type", "quot", "nbsp", "u",
    ]
)  # fmt: skip
T = TypeVar("T")


def words_before(text: str, start: int) -> list[str]:
    """The last words before a place, in lower case, nearest last."""
    return [word.lower() for word in _WORDS.findall(text, max(0, start - _WINDOW), start)]


def all_words(text: str) -> set[str]:
    """Every word of a text in lower case: tells cheaply that no phrase can occur in it."""
    return set(map(str.lower, set(_WORDS.findall(text))))


class Phrases(Generic[T]):
    """Phrases with what they announce."""

    def __init__(self, table: Mapping[str, Iterable[T]]) -> None:
        self._by_last: dict[str, list[tuple[list[str], tuple[T, ...]]]] = {}
        for phrase, values in sorted(table.items(), key=lambda item: -len(item[0])):
            words = phrase.split()
            self._by_last.setdefault(words[-1], []).append((words, tuple(values)))
        self._last = frozenset(self._by_last)

    def may_occur(self, words: set[str]) -> bool:
        """Whether one of these words ends a phrase."""
        return not self._last.isdisjoint(words)

    def introduces(self, word: str) -> bool:
        """Whether a word may stand between a phrase and its value, or ends a phrase itself."""
        return word in _FILLER or word in self._last

    def announced(self, words: Sequence[str]) -> list[T]:
        """What the nearest phrases announce, longest phrase first; empty when something else stands before the value."""
        found: list[T] = []
        for position in range(len(words), max(0, len(words) - _MAX_WORDS), -1):
            word = words[position - 1]
            for phrase, values in self._by_last.get(word, ()):
                if words[max(0, position - len(phrase)) : position] == phrase:
                    found += values
            if not self.introduces(word):
                break
        return found
