"""Which forms of names mean the same person: `Mei`, `M. Rossi` and `Mei Rossi`, as long as there is one of them only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_MANY = 64  # people of one name, beyond which it tells nobody
Words: TypeAlias = tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Person:
    words: Words
    """The longest form of the name so far."""
    number: int | None = None
    shared: bool = False
    """A form that several people have: found as it stands, never part of a longer one."""


class People:
    """The persons of one trajectory by their names. Forms are plain words in spoken order."""

    def __init__(self, new_number: Callable[[], int]) -> None:
        self._new_number = new_number
        self._forms: dict[Words, _Person] = {}
        self._by_word: defaultdict[str, list[_Person]] = defaultdict(list)

    def introduce(self, words: Words) -> None:
        """Make a full name known before anybody gets a number."""
        if len(words) > 1:
            self._person(words)

    def number(self, words: Words) -> int:
        """The number of the person; a new one for somebody new."""
        person = self._person(words)
        if person.number is None:
            person.number = self._new_number()
        return person.number

    def _person(self, words: Words) -> _Person:
        known = self._forms.get(words)
        if known is not None:
            return known
        matches = self._matches(words)
        if len(matches) == 1 and self._may_grow(matches[0], words):
            person = matches[0]
            if len(words) > len(person.words):
                person.words = words
        else:
            person = _Person(words, shared=len(matches) > 1)
        self._forms[words] = person
        for word in {*words, "".join(words), "".join(reversed(words))}:
            bearers = self._by_word[word]
            if len(bearers) <= _MANY and person not in bearers:
                bearers.append(person)
        return person

    def _matches(self, words: Words) -> list[_Person]:
        """Persons whose name the words can be, or who were known by a part of these words so far."""
        found: list[_Person] = []
        for word in dict.fromkeys(words):
            if len(word) == 1 and word.isascii():
                continue  # an initial alone says nothing
            bearers = self._by_word.get(word, [])
            if len(bearers) > _MANY:
                continue  # each new name would be compared with all of them
            for person in bearers:
                if not person.shared and person not in found and _is_form_of(words, person.words):
                    found.append(person)
        return found

    def _may_grow(self, person: _Person, words: Words) -> bool:
        """A short form belongs to a longer name unless another known name has that form too."""
        if len(words) <= len(person.words):
            return True
        others = (self._by_word.get(word, ()) for word in person.words)
        return not any(
            other is not person
            and len(other.words) > len(person.words)
            and _is_form_of(person.words, other.words)
            for group in others
            for other in group
        )


def _is_form_of(one: Words, other: Words) -> bool:
    """Whether the shorter of two names is the longer one with words left out or cut to their initials."""
    short, long = sorted((one, other), key=len)
    if "".join(short) in ("".join(long), "".join(reversed(long))):
        return True
    ahead = iter(long)
    return all(any(_same_word(word, candidate) for candidate in ahead) for word in short)


def _same_word(one: str, other: str) -> bool:
    return one == other or (1 in (len(one), len(other)) and one.isascii() and one[0] == other[0])
