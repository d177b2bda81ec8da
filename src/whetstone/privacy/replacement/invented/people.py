"""Names of people and organisations, and e-mail addresses: word by word, so that parts of a name stay parts of it."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from whetstone.privacy.replacement.invented.draw import Draw, poured
from whetstone.privacy.replacement.invented.locales import LATIN, UNSPACED, faker, locale_of, names
from whetstone.privacy.replacement.normal import MARKS, SUFFIXES, TITLES, plain

_LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])*+"
_WORD = re.compile(rf"(?<!['’]){_LETTERS}(?:['’]{_LETTERS}(?<!['’][sS]))*")
_KEPT: Final = frozenset(
    [
        *TITLES, *SUFFIXES, "van", "von", "de", "der", "den", "del", "della", "di", "da", "do", "dos", "du", "la",
        "le", "el", "al", "bin", "ibn", "bint", "ben", "ter", "ten", "zu", "y", "e", "and", "of", "the", "und", "et",
    ]
)  # fmt: skip
_GENERIC: Final = frozenset(
    [
        "inc", "ltd", "llc", "llp", "plc", "gmbh", "ag", "kg", "sa", "sas", "sarl", "spa", "srl", "bv", "nv", "ab",
        "oy", "co", "corp", "corporation", "company", "limited", "incorporated", "group", "holding", "holdings",
        "partners", "associates", "bank", "university", "college", "school", "institute", "hospital", "clinic",
        "insurance", "foundation", "association", "society", "church", "ministry", "department", "council", "city",
        "national", "international", "global", "american", "european", "services", "service", "solutions",
        "systems", "technologies", "technology", "software", "consulting", "industries", "labs", "media", "energy",
        "for", "in", "at", "on",
    ]
)  # fmt: skip
_ENDINGS: Final = ("ware", "tech", "line", "works", "soft", "gen", "craft", "base")
_ROLES: Final = frozenset(
    [
        "info", "support", "sales", "admin", "contact", "hello", "help", "office", "noreply", "no", "reply", "team",
        "billing", "service", "jobs", "hr", "press", "marketing", "mail", "email", "postmaster", "webmaster",
        "security", "abuse", "accounts", "orders", "newsletter", "test", "user", "dev", "ops", "root", "it",
    ]
)  # fmt: skip
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_DOMAINS: Final = ("example.com", "example.org", "example.net")


def person(value: str, draw: Draw) -> str | None:
    """Another name in the same order, case and script; titles, suffixes and particles stay."""
    locale = locale_of(value)
    if locale in UNSPACED:
        blank = " " if any(map(str.isspace, value.strip())) else ""
        return draw.choice(
            f"name {plain(value)}", lambda chance: faker(locale, chance).name().replace(" ", blank)
        )
    changed = _WORD.sub(lambda match: _name_word(match[0], locale, draw), value)
    return changed if changed != value else None


def organization(value: str, draw: Draw) -> str | None:
    """Another name; what every firm may be called (`Inc`, `Bank of`) stays."""
    locale = locale_of(value)
    if locale != LATIN:
        return draw.choice(value, lambda chance: faker(locale, chance).company())
    words = [plain(word) for word in _WORD.findall(value)]
    keep = _GENERIC | _KEPT if any(word not in _GENERIC | _KEPT for word in words) else frozenset()
    changed = _WORD.sub(
        lambda match: match[0] if plain(match[0]) in keep else _firm_word(match[0], draw), value
    )
    return changed if changed != value else None


def email(value: str, draw: Draw) -> str | None:
    """Addresses at domains that belong to nobody; the words of the name become what they become elsewhere."""
    changed = _ADDRESS.sub(lambda match: _address(match[0], draw), value)
    return changed if changed != value else None


def _name_word(word: str, locale: str, draw: Draw) -> str:
    form = plain(word.replace("'", "").replace("’", ""))
    if form in _KEPT:
        return word
    pool = names(locale)
    initials = pool.initials()
    initial = draw.chance(f"initial {form[0]}").choice(initials)
    if len(form) == 1:
        return _cased(initial, word)
    group = (pool.given if form in pool.known_given else pool.surnames)[initial]
    return draw.choice(f"name {form}", lambda chance: _cased(chance.choice(group), word))


def _firm_word(word: str, draw: Draw) -> str:
    surnames = _firms()
    form = plain(word)
    return draw.choice(
        f"firm {form}", lambda chance: _cased(chance.choice(surnames) + chance.choice(_ENDINGS), word)
    )


@cache
def _firms() -> tuple[str, ...]:
    groups = names(LATIN).surnames.values()
    return tuple(sorted(name for group in groups for name in group if name.isascii()))


def _cased(invented: str, like: str) -> str:
    if like.isupper():
        return invented.upper()
    return invented.lower() if like.islower() else invented[:1].upper() + invented[1:]


def _address(address: str, draw: Draw) -> str:
    local, _, domain = address.rpartition("@")
    changed = _PIECE.sub(lambda match: _local_piece(match[0], draw), local)
    if changed == local and plain(local) not in _ROLES:
        changed = draw.chance(f"local {plain(local)}").choice(("user", "mail", "inbox"))
    host = draw.chance(f"domain {plain(domain)}").choice(_DOMAINS)
    return f"{changed}@{host}"


def _local_piece(piece: str, draw: Draw) -> str:
    if piece.isdigit():
        chance = draw.chance(f"local {piece}")
        return poured("".join(str(chance.randrange(10)) for _ in piece), piece)
    form = plain(piece)
    if form in _ROLES:
        return piece
    if not form.isascii():
        form = f"x{form}"
    word = _name_word(form, LATIN, draw)
    bare = "".join(character for character in plain(word) if character.isascii())
    return bare.upper() if piece.isupper() and len(piece) > 1 else bare
