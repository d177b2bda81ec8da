"""Spellings of one value brought to one form, so that they share a replacement."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

_DIGIT_KINDS: Final = frozenset(
    [
        "card-number", "iban", "national-id", "ssn", "passport", "driver-license", "account-number", "vehicle",
        "mac-address", "phone",
    ]
)  # fmt: skip
# Blanks and punctuation mean nothing in these.
_POSSESSIVE = re.compile(r"['’](?:s|S)?(?!\w)")
_APOSTROPHE = re.compile(r"['’`´‘]")
# Signs that belong to the letter before them: accents, and the vowels of Semitic, Indic and South-East Asian scripts.
MARKS: Final = (
    r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece"
    r"\u102b-\u109d\u17b4-\u17d3"
)
_WORD = re.compile(rf"(?:[^\W_]|[{MARKS}])+")
_ACCENT_ON_LATIN = re.compile(r"(?<=[a-zA-Z])[\u0300-\u036f]+")
TITLES: Final = frozenset(
    [
        "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "doctor", "sir", "madam", "herr", "frau",
        "monsieur", "madame", "mme", "mlle", "mademoiselle", "signor", "signora", "sig", "señor", "señora",
        "senor", "senora", "sra", "srta", "dra", "rev", "hon", "capt", "captain", "lt", "sgt",
    ]
)  # fmt: skip
SUFFIXES: Final = frozenset(["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "cpa", "dds"])


def plain(text: str) -> str:
    """Compatible forms unified, case folded, accents of Latin letters dropped."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = _ACCENT_ON_LATIN.sub("", decomposed)
    return unicodedata.normalize("NFKC", bare).casefold()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a value, plain, without possessives and apostrophes."""
    bare = _APOSTROPHE.sub("", _POSSESSIVE.sub("", text))
    return tuple(_WORD.findall(plain(bare)))


def name_words(value: str) -> tuple[str, ...]:
    """The words of a person's name in spoken order, without titles and suffixes: `Rossi, Ms. Mei` is `mei rossi`."""
    surname, comma, rest = value.partition(",")
    words = words_of(value)
    if comma:
        behind = tuple(word for word in words_of(rest) if word not in SUFFIXES)
        words = (*behind, *words_of(surname)) if behind else words_of(surname)
    bare = tuple(word for word in words if word not in TITLES)
    while len(bare) > 1 and bare[-1] in SUFFIXES:
        bare = bare[:-1]
    return bare or words


def normal(kind: str, value: str) -> str:
    """One form for all spellings of a value of a kind."""
    if kind == "ip-address":
        return _address(value)
    if kind == "person":
        form = " ".join(name_words(value))
    elif kind in _DIGIT_KINDS:
        form = "".join(_WORD.findall(plain(value)))
    elif kind == "crypto-address":
        form = value.strip()  # the case of its letters tells addresses apart
    else:
        form = " ".join(words_of(value))
    return form or plain(value).strip()


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value.strip().strip("[]")))
    except ValueError:
        return plain(value).strip()
