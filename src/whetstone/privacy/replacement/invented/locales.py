"""Faker's lists of names by script, and its generators."""

from __future__ import annotations

import random
import re
import threading
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from whetstone.privacy.replacement.normal import plain

if TYPE_CHECKING:
    from faker import Faker

LATIN: Final = "en_US"
_WESTERN: Final = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL")
_SCRIPTS: Final = (
    ("ja_JP", re.compile(r"[\u3040-\u30ff]")),
    ("ko_KR", re.compile(r"[\uac00-\ud7a3]")),
    ("zh_CN", re.compile(r"[\u3400-\u9fff]")),
    ("uk_UA", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru_RU", re.compile(r"[\u0400-\u04ff]")),
    ("el_GR", re.compile(r"[\u0370-\u03ff]")),
    ("fa_IR", re.compile(r"[پچژگ]")),
    ("ar_AA", re.compile(r"[\u0600-\u06ff]")),
    ("he_IL", re.compile(r"[\u0590-\u05ff]")),
    ("th_TH", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi_IN", re.compile(r"[\u0900-\u097f]")),
    ("bn_BD", re.compile(r"[\u0980-\u09ff]")),
    ("ta_IN", re.compile(r"[\u0b80-\u0bff]")),
    ("hy_AM", re.compile(r"[\u0530-\u058f]")),
    ("ka_GE", re.compile(r"[\u10a0-\u10ff]")),
)
UNSPACED: Final = frozenset(["ja_JP", "ko_KR", "zh_CN"])
"""Locales that write a name in one piece."""
_COMPOUND = re.compile(r"[\s.'’-]")
_ENOUGH = 60  # names with one initial, so that two people seldom get the same
_local = threading.local()


def locale_of(text: str) -> str:
    """The locale whose script the text is written in; everything Latin is one."""
    if text.isascii():
        return LATIN
    return next((locale for locale, script in _SCRIPTS if script.search(text)), LATIN)


def faker(locale: str, chance: random.Random) -> Faker:
    """This thread's generator of a locale, set to a chance."""
    from faker import Faker  # takes its time, and is not needed for pseudonyms

    known: dict[str, Faker] = _local.__dict__.setdefault("known", {})
    if locale not in known:
        known[locale] = Faker(locale)
    known[locale].seed_instance(chance.getrandbits(64))
    return known[locale]


@dataclass(frozen=True, slots=True)
class NamePool:
    """Given names and surnames of a locale by their initial, those with enough of them."""

    given: dict[str, tuple[str, ...]]
    surnames: dict[str, tuple[str, ...]]
    known_given: frozenset[str]
    """In plain form, as are the surnames."""
    known_surnames: frozenset[str]

    def initials(self) -> tuple[str, ...]:
        """Initials that given names and surnames have, in order."""
        return tuple(sorted(self.given.keys() & self.surnames.keys()))


@lru_cache(maxsize=32)
def names(locale: str) -> NamePool:
    """The names of a locale; those of several western ones for Latin script."""
    given: set[str] = set()
    surnames: set[str] = set()
    for each in _WESTERN if locale == LATIN else (locale,):
        person = _person_lists(each)
        given.update(_single_words(person, "first_names"))
        surnames.update(_single_words(person, "last_names"))
    known_given = frozenset(map(plain, given))
    known_surnames = frozenset(map(plain, surnames))
    surnames = {name for name in surnames if plain(name) not in known_given}
    by_given, by_surname = _by_initial(given), _by_initial(surnames)
    shared = by_given.keys() & by_surname.keys()
    rich = {key for key in shared if min(len(by_given[key]), len(by_surname[key])) >= _ENOUGH} or shared
    return NamePool(
        {key: by_given[key] for key in rich},
        {key: by_surname[key] for key in rich},
        known_given,
        known_surnames,
    )


def _person_lists(locale: str) -> Any:
    providers = faker(locale, random.Random(0)).get_providers()
    return next(provider for provider in providers if ".person." in type(provider).__module__)


def _single_words(provider: Any, name: str) -> set[str]:
    return {word for word in getattr(provider, name, ()) if len(word) > 1 and not _COMPOUND.search(word)}


def _by_initial(words: set[str]) -> dict[str, tuple[str, ...]]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        grouped[plain(word)[0]].append(word)
    return {initial: tuple(group) for initial, group in grouped.items()}
