"""Metric of free text, in every script: half word overlap, half character n-gram overlap.

Words (multiset F1, as SQuAD scores answers: Rajpurkar et al. 2016) ask whether the same things are said; character
n-grams (chrF: Popović 2015) give credit for inflected and misspelt words and, spanning words, for their order. The
mean of both ranks answers better than either: word overlap alone cannot tell "A before B" from "B before A" and
gives nothing for "refunds" against "refund"; n-grams alone reward chance overlap of short words. Scripts that put no
blanks between words are compared by character.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from operator import add

from whetstone.optimize.metrics.parsing import quote
from whetstone.optimize.metrics.types import Answer, Score

MAX_LENGTH = 8_000
"""Characters that are compared; an answer of 512 tokens is well below."""
MAX_ORDER = 6
_MENTIONED = 8
_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+|[$+<=>^`|~]")

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, further extensions
)


def text(expected: Answer, given: Answer) -> Score:
    """Similarity of two texts, 0..1, symmetric; equal texts score 1, and so do two empty ones.

    Case, width forms, runs of blanks and invisible characters do not count.
    """
    wanted, got = normalise(expected.text), normalise(given.text)
    if wanted == got:
        return Score(1.0, "Right.")
    if not got:
        return Score(0.0, f"Expected {quote(expected.text)}, but the answer is empty.", parsed=False)
    wanted_words, got_words = Counter(words(wanted)), Counter(words(got))
    value = _ngram_f(wanted, got)
    if wanted_words or got_words:
        value = (value + _multiset_f1(wanted_words, got_words)) / 2
    feedback = f"Expected something like {quote(expected.text)}, but got {quote(given.text)}."
    return Score(value, feedback + _difference(wanted_words, got_words))


def normalise(text: str) -> str:
    """NFKC, case-folded, blanks collapsed, format characters dropped, at most `MAX_LENGTH` characters."""
    folded = unicodedata.normalize("NFKC", text[:MAX_LENGTH]).casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", folded)
        folded = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return " ".join(folded.split())[:MAX_LENGTH]


def words(text: str) -> list[str]:
    """The words of a normalised text; single characters in scripts without blanks, and for symbols and emoji."""
    if text.isascii():
        return _ASCII_WORDS.findall(text)
    found: list[str] = []
    open_word = False
    for character in text:
        kind = unicodedata.category(character)[0]
        alone = kind == "S" or _is_unspaced(character)
        if kind == "M" and found:
            found[-1] += character  # a vowel sign or accent belongs to what it stands on
        elif kind in "LNS" and (alone or not open_word):
            found.append(character)
            open_word = not alone
        elif kind in "LN":
            found[-1] += character
        else:
            open_word = False
    return found


def _is_unspaced(character: str) -> bool:
    if character < "\u0e00":
        return False
    code = ord(character)
    return any(first <= code <= last for first, last in _UNSPACED)


def _ngram_f(wanted: str, got: str) -> float:
    """chrF with equal weight of precision and recall (which makes it symmetric), blanks left out."""
    wanted, got = wanted.replace(" ", ""), got.replace(" ", "")
    orders = min(MAX_ORDER, len(wanted), len(got))
    if not orders:
        return 0.0
    recall = precision = 0.0
    mine, theirs = list(wanted), list(got)
    for order in range(1, orders + 1):
        if order > 1:  # the n-grams of each order are those of the order before, each with one more character
            mine, theirs = list(map(add, mine, wanted[order - 1 :])), list(map(add, theirs, got[order - 1 :]))
        common = _common(Counter(mine), Counter(theirs))
        recall += common / len(mine)
        precision += common / len(theirs)
    return _f1(recall / orders, precision / orders)


def _multiset_f1(wanted: Counter[str], got: Counter[str]) -> float:
    if not wanted or not got:
        return 0.0
    common = _common(wanted, got)
    return _f1(common / wanted.total(), common / got.total())


def _f1(recall: float, precision: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _common(wanted: Counter[str], got: Counter[str]) -> int:
    """The size of what two multisets share."""
    keys = wanted.keys() & got.keys()
    return sum(map(min, map(wanted.__getitem__, keys), map(got.__getitem__, keys)))


def _difference(wanted: Counter[str], got: Counter[str]) -> str:
    missing, extra = _few(list(wanted - got)), _few(list(got - wanted))
    parts = [f" Missing: {missing}." if missing else "", f" Not expected: {extra}." if extra else ""]
    return "".join(parts)


def _few(found: Sequence[str]) -> str:
    shown = ", ".join(word[:40] for word in found[:_MENTIONED])
    return f"{shown}, …" if len(found) > _MENTIONED else shown
