"""Names that were found once in a trajectory, found again wherever they stand in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from whetstone.privacy.detectors.address import ADDRESS
from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.code import is_code, is_identifier
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.replacement.placeholders import label

_WORD: Final = re.compile(r"[^\W\d_]+")
_SEPARATOR: Final = re.compile(r"(?:, ?|[ \t]{1,2}|\. ?|[-_'’+]|%20|\\?\n)?\Z")
_UNSPACED: Final = re.compile(r"[\u0e00-\u0e7f\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_MAX_TOKENS: Final = 8
_MIN_PART: Final = 3
_MIN_HANDLE: Final = 5
_SENTENCE_START: Final = re.compile(r"(?:\A|[.!?:;\n\"“(>*-])[ \t\"'*]*\Z")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_ORDERS: Final = {
    "person": Order.PERSON, "location": Order.LOCATION, "organization": Order.ORGANIZATION, "address": Order.ADDRESS,
}  # fmt: skip


class _Node:
    """A step in the tree of names: what may follow, and the kind of the name that ends here."""

    __slots__ = ("exact", "following", "kind")

    def __init__(self) -> None:
        self.following: dict[str, _Node] = {}
        self.kind: str | None = None
        self.exact: str | None = None
        """A single ordinary word counts only when it is written like this, inside a sentence."""


class KnownNames:
    """The names of one trajectory. Searching takes time in proportion to the text, however many names there are."""

    def __init__(self) -> None:
        self._root = _Node()
        self._unspaced: dict[str, str] = {}
        self._names: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, name: str, kind: str) -> None:
        """Remember a name and its usual variants. Public names, and those of a single letter, are not taken."""
        name = " ".join(name.split())
        if (name, kind) in self._names or len(name) < 2 or is_public(name):
            return
        if _UNSPACED.search(name):
            self._names.add((name, kind))
            self._add_unspaced(name, kind)
            return
        letters = _WORD.findall(name)
        if len(letters) >= _MIN_PART and all(len(letter) == 1 for letter in letters):
            self.add("".join(letters), kind)  # it was spelled out
        tokens = tuple(_fold(token) for token in letters)
        if not 1 <= len(tokens) <= _MAX_TOKENS:
            return
        self._names.add((name, kind))
        if len(tokens) == 1:
            self._insert(tokens, kind, name if _is_ordinary(tokens[0]) else None)
        else:
            self._insert(tokens, kind)
        if kind == "person":
            self._add_variants(name, tokens)

    def find(self, text: str) -> Iterator[Span]:
        """Every occurrence, disjoint and in text order where names are separated from their surroundings."""
        if self._root.following:
            yield from self._find_words(text)
        if self._unspaced:
            yield from self._find_unspaced(text)

    def _add_unspaced(self, name: str, kind: str) -> None:
        if len(name) >= 2:
            self._unspaced[name] = kind
        if " " in name and kind == "person":
            for part in name.split(" "):
                if len(part) >= 2:
                    self._unspaced[part] = kind
            self._unspaced["".join(name.split(" "))] = kind
            self._unspaced["".join(reversed(name.split(" ")))] = kind

    def _add_variants(self, name: str, tokens: tuple[str, ...]) -> None:
        umlauts = tuple(_WORD.findall(name.casefold().translate(_UMLAUTS)))
        if umlauts != tokens and len(umlauts) == len(tokens):
            self._insert(umlauts, "person")
        for part in name.split(" "):
            parts = tuple(_fold(token) for token in _WORD.findall(part))
            if parts and not (len(parts) == 1 and (_is_ordinary(parts[0]) or len(parts[0]) < _MIN_PART)):
                self._insert(parts, "person")
        long = [token for token in tokens if len(token) > 1]
        if len(long) < 2 or len(tokens) < 2:
            return
        first, last = long[0], long[-1]
        for variant in ((first, last), (last, first), (tokens[0][0], last), (last, *tokens[:-1])):
            if len(last) >= _MIN_PART:
                self._insert(variant, "person")
        for handle in ("".join(tokens), first + last, last + first, first[0] + last, first + last[0]):
            if len(handle) >= _MIN_HANDLE and not _is_ordinary(handle):
                self._insert((handle,), "person")

    def _insert(self, tokens: tuple[str, ...], kind: str, exact: str | None = None) -> None:
        node = self._root
        for token in tokens:
            node = node.following.setdefault(token, _Node())
        if node.kind is None or (node.exact is not None and exact is None):
            node.kind, node.exact = kind, exact

    def _find_words(self, text: str) -> Iterator[Span]:
        tokens = list(_WORD.finditer(text))
        index = 0
        code: bool | None = None
        while index < len(tokens):
            length, kind = self._longest(text, tokens, index)
            if kind is not None and length == 1 and is_identifier(text, *tokens[index].span()):
                code = is_code(text) if code is None else code
                kind = None if code else kind
            if kind is not None:
                yield _span(tokens[index].start(), tokens[index + length - 1].end(), kind)
            index += length

    def _longest(self, text: str, tokens: list[re.Match[str]], index: int) -> tuple[int, str | None]:
        """How many words the longest name from there has, and its kind; one word without a kind when none does."""
        node: _Node | None = self._root
        best, kind = 1, None
        for count in range(min(_MAX_TOKENS, len(tokens) - index)):
            token = tokens[index + count]
            if count and not _SEPARATOR.match(text[tokens[index + count - 1].end() : token.start()][:4]):
                break
            node = node.following.get(_fold(token[0])) if node is not None else None
            if node is None:
                break
            if node.kind is not None and (node.exact is None or _as_written(text, token, node.exact)):
                best, kind = count + 1, node.kind
        return best, kind

    def _find_unspaced(self, text: str) -> Iterator[Span]:
        lengths = sorted({len(name) for name in self._unspaced}, reverse=True)
        starts = {name[0] for name in self._unspaced}
        end = 0
        for match in _UNSPACED.finditer(text):
            start = match.start()
            if start < end or match[0] not in starts:
                continue
            for length in lengths:
                if (kind := self._unspaced.get(text[start : start + length])) is not None:
                    end = start + length
                    yield _span(start, end, kind)
                    break


def _span(start: int, end: int, kind: str) -> Span:
    replacement = ADDRESS if kind == "address" else label(kind)
    return Span(start, end, kind, replacement, _ORDERS.get(kind, Order.IDENTITY), 1, Tier.NAMES)


def _as_written(text: str, token: re.Match[str], name: str) -> bool:
    if token[0] != name or name.islower():
        return False
    return _SENTENCE_START.search(text[max(0, token.start() - 8) : token.start()]) is None


def _is_ordinary(token: str) -> bool:
    return any(
        token in words(section)
        for section in ("ordinary", "names that are words", "not private", "brands", "particles")
    )


@lru_cache(maxsize=65_536)
def _fold(token: str) -> str:
    """The word without case and accents, as ids and hosts have it."""
    if token.isascii():
        return token.lower()
    decomposed = unicodedata.normalize("NFKD", token.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
