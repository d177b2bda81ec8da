"""Keys that say what their value is: `email`, `homeLat`, `api_key`, `Authorization`, `vorname`, `date_of_birth`.

One table serves structured data (`{"password": "…"}`) and, through the assignment detector, the same members written
in plain text. Words that mean something private only in company (`name`, `city`, `expiry`) ask the keys around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from itertools import islice
from typing import Final

from whetstone.privacy.replacement.placeholders import has_placeholder
from whetstone.privacy.structure import key_table as table
from whetstone.privacy.structure.key_table import ENTRIES, Company, Entry, KeyRule

__all__ = ["KeyRule", "rule_for"]

_MAX_KEY_LENGTH = 64
_MAX_SIBLINGS = 64
_MAX_TAIL = 5
# Tokens that are places in a list or units of text, not secrets: nextPageToken, eos_token; and CSRF guards of a form.
_HARMLESS_TOKENS: Final = frozenset(
    [
        "page", "next", "continuation", "sync", "cursor", "prev", "previous", "max", "min", "pad", "eos",
        "bos", "unk", "stop", "start", "end", "special", "mask", "sep", "cls", "first", "last", "prompt",
        "completion", "input", "output", "csrf", "xsrf", "antiforgery",
    ]
)  # fmt: skip
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_KINDS_OF_SECRETS: Final = frozenset(
    ["password", "token", "secret", "api-key", "private-key", "authorization", "card-number"]
)


def rule_for(key: str, parent: str | None = None, siblings: Collection[str] = ()) -> KeyRule | None:
    """The rule of a key, by its last words in any spelling (`userEmail`, `x-api-key`, `START_LAT`); or None.

    `parent` is the key of the object (or of the array of objects) that the member stands in, `siblings` are the keys
    of that object. They decide about words that mean something private only in company.
    """
    entry, company = _entry(key)
    if entry is None:
        return None
    if not entry.among and not entry.never_among:
        return entry.rule
    around = company | (_parents_company(parent) if parent else Company.NONE)
    if entry.among & around:
        return entry.rule  # the parent, or the key itself, says it
    beside = _company_of(siblings)
    evidence = entry.among & beside
    if entry.never_among & beside and not evidence & ~Company.REACHABLE:
        return None
    return entry.rule if evidence or not entry.among else None


@lru_cache(maxsize=8192)
def _entry(key: str) -> tuple[Entry | None, Company]:
    """What the last words of a key say, and what those before them are about."""
    if len(key) > _MAX_KEY_LENGTH or has_placeholder(key):
        return None, Company.NONE
    words = _split(key)
    if not words or (words[-1] == "token" and len(words) > 1 and words[-2] in _HARMLESS_TOKENS):
        return None, Company.NONE
    found = _by_tail(words)
    if found is None and words[-1].isdigit():
        found = _by_tail(words[:-1])
    if found is None:
        found = _by_singular(words)
    if found is None:
        return None, Company.NONE
    entry, rest = found
    return entry, _meaning(rest)


def _by_tail(words: list[str]) -> tuple[Entry, list[str]] | None:
    for length in range(min(_MAX_TAIL, len(words)), 0, -1):
        entry = ENTRIES.get(" ".join(words[-length:]))
        if entry is not None:
            return entry, words[:-length]
    return None


def _by_singular(words: list[str]) -> tuple[Entry, list[str]] | None:
    """`attendees`, `customer_names`; but `tokens` are a number, and `passes` and `pins` are many things."""
    last = words[-1]
    if len(last) < 4 or not last.endswith("s") or last.endswith("ss"):
        return None
    found = _by_tail([*words[:-1], last[:-1]])
    return None if found is None or found[0].rule.kind in _KINDS_OF_SECRETS else found


def _split(key: str) -> list[str]:
    if not key.isascii():
        decomposed = unicodedata.normalize("NFKD", key.replace("ß", "ss").replace("ł", "l").replace("ø", "o"))
        key = unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))
    return [word.lower() for word in _WORDS.findall(key)]


def _meaning(words: list[str]) -> Company:
    """What words before the telling ones, or those of the key above, are about."""
    if not words:
        return Company.NONE
    last = words[-1] if not words[-1].isdigit() or len(words) == 1 else words[-2]
    forms = {last, last.removesuffix("s")}
    meaning = Company.NONE
    if not table.PERSONS.isdisjoint(forms):
        meaning |= Company.PERSON
    if not table.ADDRESSES.isdisjoint(forms):
        meaning |= Company.ADDRESS
    if not table.NAMES.isdisjoint(forms):
        meaning |= Company.NAME
    if not table.CARDS.isdisjoint(forms):
        meaning |= Company.CARD
    return meaning


@lru_cache(maxsize=2048)
def _parents_company(parent: str) -> Company:
    return _meaning(_split(parent)) if len(parent) <= _MAX_KEY_LENGTH else Company.NONE


def _company_of(siblings: Collection[str]) -> Company:
    company = Company.NONE
    for sibling in islice(siblings, _MAX_SIBLINGS):
        if isinstance(sibling, str):
            company |= _hint(sibling)
    return company


@lru_cache(maxsize=8192)
def _hint(key: str) -> Company:
    """What a key says about those beside it."""
    if len(key) > _MAX_KEY_LENGTH:
        return Company.NONE
    words = set(_split(key))
    hint = Company.NONE
    for vocabulary, meaning in (
        (table.ABOUT_PERSONS, Company.PERSON),
        (table.ABOUT_THINGS, Company.THING),
        (table.ABOUT_LOGINS, Company.LOGIN),
        (table.ABOUT_PIECES, Company.PIECES),
    ):
        if not vocabulary.isdisjoint(words):
            hint |= meaning
    entry, _ = _entry(key)
    return hint if entry is None else hint | entry.hints
