"""The operator's own words (customers, hosts, projects), however they are written and in whatever they are embedded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.replacement.normal import MARKS
from whetstone.privacy.replacement.placeholders import label

_TOKEN = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*+")
# The words of `AcmeCorp2Client`; whatever is neither upper nor lower case stays in one piece.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
# What may stand between two words of an entry, whichever of them it was written with.
_BLANK = re.compile(r"[\s_.-]{0,4}\Z")
_BLANKS = re.compile(r"\s+")
_MIN_PART = 4  # letters and digits of an entry that is found inside a compound such as `acmeKey`
_MIN_JOINED = 6  # those of an entry of several words that is found written as one
# Scripts that are written without blanks: Thai to Burmese, Khmer, kana, Han.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


class _Token(NamedTuple):
    start: int
    end: int
    word: str


class _Ending(NamedTuple):
    """Where an entry ends: punctuation that must stand around its words, and how many letters and digits it has."""

    prefix: str
    suffix: str
    size: int


@dataclass(slots=True)
class _Node:
    """A state after some words of some entries; the next is reached by what stands between, and the next word."""

    following: dict[tuple[str, str], _Node] = field(default_factory=dict)
    endings: list[_Ending] = field(default_factory=list)


class DenyListDetector:
    """Every listed value as whole words in any case.

    Blanks, dots, dashes and underscores between words are the same, and words also end where identifiers change
    case: `acme corp` is found in `Acme-Corp`, `ACME_CORP_KEY`, `acme.corp.internal` and `newAcmeCorpClient`.
    Linear in the text whatever the length of the list.
    """

    kind = "deny-list"
    replacement = label("deny-list")

    def __init__(self, words: Collection[str]) -> None:
        self._root = _Node()
        listed = sorted({word.strip() for word in words} - {""})
        bare = [entry for entry in listed if not self._add(entry) or _is_unspaced(entry)]
        self._bare = _Literals(bare) if bare else None

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the listed words, the longest entry at each place."""
        if self._bare is not None:
            yield from (self._span(start, end) for start, end in self._bare.find(text))
        tokens = [_Token(*match.span(), _folded(match[0])) for match in _TOKEN.finditer(text)]
        roots = self._root.following
        index = 0
        while index < len(tokens):
            found = self._longest(text, tokens, index, 1) if ("", tokens[index].word) in roots else None
            if found is None:
                yield from self._inside(text, tokens[index])
                index += 1
                continue
            start, end = found
            yield self._span(start, end)
            while index < len(tokens) and tokens[index].start < end:
                index += 1

    def _inside(self, text: str, token: _Token) -> Iterator[Span]:
        """Entries among the words of a compound."""
        written = text[token.start : token.end]
        if written.islower() and written.isalpha():
            return
        parts = [
            _Token(token.start + match.start(), token.start + match.end(), _folded(match[0]))
            for match in _PART.finditer(written)
        ]
        if len(parts) < 2:
            return
        index = 0
        while index < len(parts):
            found = self._longest(text, parts, index, _MIN_PART)
            if found is None:
                index += 1
                continue
            yield self._span(*found)
            while index < len(parts) and parts[index].start < found[1]:
                index += 1

    def _longest(
        self, text: str, tokens: Sequence[_Token], index: int, minimum: int
    ) -> tuple[int, int] | None:
        """Start and end of the longest entry whose first word is the token."""
        found: tuple[int, int] | None = None
        first = tokens[index]
        node = self._root.following.get(("", first.word))
        while node is not None:
            last = tokens[index]
            for prefix, suffix, size in node.endings:
                if (
                    size >= minimum
                    and text.endswith(prefix, 0, first.start)
                    and text.startswith(suffix, last.end)
                ):
                    found = (first.start - len(prefix), last.end + len(suffix))
                    break
            index += 1
            if not node.following or index == len(tokens):
                break
            gap = text[last.end : tokens[index].start]
            node = node.following.get((_gap(gap), tokens[index].word))
        return found

    def _add(self, entry: str) -> bool:
        """Whether the entry has a word to find it by."""
        tokens = [_Token(*match.span(), _folded(match[0])) for match in _TOKEN.finditer(entry)]
        if not tokens:
            return False
        prefix, suffix = entry[: tokens[0].start], entry[tokens[-1].end :]
        size = sum(len(token.word) for token in tokens)
        gaps = [_gap(entry[one.end : other.start]) for one, other in pairwise(tokens)]
        ending = _Ending(prefix, suffix, size)
        self._insert([token.word for token in tokens], gaps, ending)
        if len(tokens) > 1 and size >= _MIN_JOINED and not any(gap.strip() for gap in gaps):
            self._insert(["".join(token.word for token in tokens)], [], ending)
        parts = [_folded(part) for token in tokens for part in _PART.findall(entry[token.start : token.end])]
        if len(tokens) == 1 and len(parts) > 1:
            self._insert(parts, [" "] * (len(parts) - 1), ending)
        return True

    def _insert(self, words: Sequence[str], gaps: Sequence[str], ending: _Ending) -> None:
        node = self._root
        for gap, word in zip(("", *gaps), words, strict=True):
            node = node.following.setdefault((gap, word), _Node())
        if ending not in node.endings:
            node.endings.append(ending)
            node.endings.sort(key=lambda known: -len(known.prefix) - len(known.suffix))

    def _span(self, start: int, end: int) -> Span:
        return Span(start, end, self.kind, self.replacement, Order.LISTED, tier=Tier.CUSTOM)


class _Literals:
    """Strings that are found wherever they stand: of scripts without blanks, or without letters and digits."""

    def __init__(self, strings: Collection[str]) -> None:
        self._strings = frozenset(strings)
        self._lengths = sorted({len(string) for string in strings}, reverse=True)
        self._start = re.compile(f"[{re.escape(''.join({string[0] for string in strings}))}]")

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of the longest string at each place."""
        for match in self._start.finditer(text):
            start = match.start()
            for length in self._lengths:
                if text[start : start + length] in self._strings:
                    yield start, start + length
                    break


def _is_unspaced(entry: str) -> bool:
    return len(entry) > 1 and _UNSPACED.search(entry) is not None


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).casefold()


def _gap(between: str) -> str:
    """One form for what stands between two words: a blank, or the punctuation without blanks."""
    if len(between) <= 4 and _BLANK.match(between):
        return " "
    return _BLANKS.sub("", between[:64]) or "\n"
