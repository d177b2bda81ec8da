"""Collecting the vocabulary: every distinct term at least once, in chunks, with little memory."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whetstone.trajectories.search.tokens import BOUNDARY, SEPARATOR, is_solo, is_word

WORDS, IDENTIFIERS, BETWEEN = 0, 1, 2
"""Kinds of chunks. Identifiers are hexadecimal: most of a vocabulary, and passed over by most searches."""

CHUNK = 65_536
"""Characters of a chunk."""

_REMEMBERED = 60_000  # terms a generation
_HEXADECIMAL = re.compile(r"[0-9a-f]*")
_IDENTIFIER = re.compile(r"(?=.*[0-9])[0-9a-f]{8,}")


def may_be_identifier(text: str) -> bool:
    """Whether `text` can be a part of a term among the identifiers."""
    return bool(_HEXADECIMAL.fullmatch(text))


def kind_of(term: str) -> int:
    """The kind of chunk in which `term` is kept."""
    if not is_word(term):
        return BETWEEN
    return IDENTIFIERS if _IDENTIFIER.fullmatch(term) else WORDS


class Terms:
    """Tells new terms from those that were seen lately; a term that comes back after long may be told new again."""

    def __init__(self) -> None:
        self._young: set[str] = {BOUNDARY}
        self._old: set[str] = set()

    def new(self, terms: Iterable[str]) -> list[str]:
        """Those of `terms` that the vocabulary may lack."""
        found = (terms if isinstance(terms, set) else set(terms)) - self._young
        again = found & self._old
        self._young |= found
        found -= again
        if len(self._young) > _REMEMBERED:
            self._young, self._old = {BOUNDARY}, self._young
        return [term for term in found if not is_solo(term)]


def chunks(terms: Iterable[str]) -> dict[int, list[str]]:
    """Terms as the texts of chunks by kind; each text begins and ends with a separator."""
    by_kind: dict[int, list[str]] = {}
    for term in terms:
        by_kind.setdefault(kind_of(term), []).append(term)
    return {kind: list(_chunks(members)) for kind, members in by_kind.items()}


def terms_of(chunk: str) -> list[str]:
    """The terms of a chunk."""
    return chunk.strip(SEPARATOR).split(SEPARATOR)


def _chunks(terms: list[str]) -> Iterable[str]:
    start, characters = 0, 0
    for index, term in enumerate(terms):
        characters += len(term) + 1
        if characters >= CHUNK:
            yield f"{SEPARATOR}{SEPARATOR.join(terms[start : index + 1])}{SEPARATOR}"
            start, characters = index + 1, 0
    if start < len(terms):
        yield f"{SEPARATOR}{SEPARATOR.join(terms[start:])}{SEPARATOR}"
