"""Numbered pseudonyms: `<PERSON_1>` is the same person all over one trajectory, and nobody outside it."""

from __future__ import annotations

from collections import defaultdict

from whetstone.privacy.detectors.spans import Span
from whetstone.privacy.replacement.normal import name_words, normal
from whetstone.privacy.replacement.people import People
from whetstone.privacy.replacement.placeholders import NUMBERED, NUMBERED_PLACEHOLDER


class Pseudonyms:
    """The numbers of one trajectory, given in the order in which values are first replaced.

    Not safe for concurrent use. Kinds that are not numbered keep the replacement of their span.
    """

    def __init__(self) -> None:
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        self._next: defaultdict[str, int] = defaultdict(lambda: 1)
        self._numbers: dict[tuple[str, str], int] = {}
        self._people = People(lambda: self._new_number(NUMBERED["person"]))

    def reserve(self, text: str) -> None:
        """Leave out the numbers of pseudonyms that the text already holds."""
        if "<" in text:
            for match in NUMBERED_PLACEHOLDER.finditer(text):
                self._taken[match["stem"]].add(int(match["number"]))

    def introduce(self, kind: str, value: str) -> None:
        """Tell of a person before replacing: then a part of a name that two people share belongs to neither."""
        if kind == "person":
            self._people.introduce(name_words(value))

    def replacement(self, span: Span, value: str) -> str:
        """`<KIND_n>`, n being the same for all spellings of a value; for a person for parts of the name too."""
        stem = NUMBERED.get(span.kind)
        if stem is None:
            return span.replacement
        return f"<{stem}_{self._number(span.kind, value)}>"

    def finish(self, text: str) -> str:
        """The same text: pseudonyms are final."""
        return text

    def _number(self, kind: str, value: str) -> int:
        if kind == "person" and (words := name_words(value)):
            return self._people.number(words)
        key = (kind, normal(kind, value))
        if key not in self._numbers:
            self._numbers[key] = self._new_number(NUMBERED[kind])
        return self._numbers[key]

    def _new_number(self, stem: str) -> int:
        number = self._next[stem]
        while number in self._taken[stem]:
            number += 1
        self._next[stem] = number + 1
        return number
