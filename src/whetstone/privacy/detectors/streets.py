"""Streets with a house number behind them: "Musterstraße 12, 10115 Berlin", "Calle Mayor 5", "ul. Długa 15/3".

The house number is found first; the words before it tell whether they name a street.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.address_parts import HOUSE, TAIL, UNIT
from whetstone.privacy.detectors.spans import Order, Span

_NUMBER: Final = re.compile(
    r"[ \u00a0\n](?:(?:[nN][.ºo°]{1,2}|[nN]r\.?|[nN]o[.:]{1,2}|nº|№|#|д\.|буд\.|km)\s?)?(?=\d)"
)
# The end of a name of three letters at least, or of a short form with its full stop.
_NAMED: Final = re.compile(r"(?:[^\W\d_]{3},?|[^\W\d_]\.,?)\Z")
_REST: Final = re.compile(rf"(?P<house>{HOUSE})(?:\s?[-–]\s?{UNIT})?{TAIL}", re.IGNORECASE)
_HOUSE_END: Final = re.compile(r"\D{0,6}\d{1,5}[a-zA-Z]?(?:/\d{1,4})?")
_OPENING: Final = re.compile(r"[(\[{<>\"“:=|]|(?<!\w)'|&")
_WORD: Final = re.compile(r"\S+")
_WINDOW: Final = 72
_MAX_WORDS: Final = 6
# Endings that only streets have, and endings that need a code and town behind the number.
_SURE: Final = (
    "straße", "strasse", "str.", "straat", "gracht", "gatan", "vägen", "gaten", "veien", "gasse", "caddesi", "sokağı", "sokak", "gränd", "burgwal",
)  # fmt: skip
_LIKELY: Final = (
    "str", "gata", "vegen", "gade", "katu", "allee", "platz", "plein", "laan", "kade", "singel", "dijk", "damm", "ufer", "chaussee", "weg", "ring",
    "steig", "stieg", "vej", "tie", "tanu", "vei", "markt", "hof", "berg", "graben", "gasse", "utca", "út", "körút", "cad.", "sok.", "torget", "alle",
)  # fmt: skip
_ENDINGS: Final = _SURE + _LIKELY
# Types that stand before the name. Those after them are words of other meanings too.
_TYPES: Final = frozenset(
    [
        "calle", "c/", "avenida", "avda", "avda.", "plza.", "pza", "pza.", "paseo", "pº", "carrer",
        "carretera", "ctra", "ctra.", "travesía", "glorieta", "viale", "piazza", "piazzale", "vicolo",
        "lungomare", "contrada", "ulica", "ul", "ul.", "aleja", "aleje", "osiedle", "rua", "travessa",
        "praça", "rodovia", "rue", "bulevardul", "ulice", "улица", "ул.", "ул", "проспект", "пр-т",
        "пр-т.", "переулок", "вулиця", "вул.", "вул", "jalan", "jl.", "οδός", "οδος",
    ]
)  # fmt: skip
_DOUBTFUL: Final = frozenset(
    [
        "via", "corso", "largo", "strada", "camino", "ronda", "plaza", "place", "avenue", "boulevard",
        "chaussée", "r.", "av.", "av", "al.", "al", "plac", "pl.", "os.", "estrada", "alameda",
        "colonia", "str.", "bd.", "calea", "aleea", "şoseaua", "пр.", "пер.", "am", "an", "auf", "im",
        "zum", "zur", "unter", "alter", "neue", "straat", "c.",
    ]
)  # fmt: skip
_SMALL: Final = frozenset(
    [
        "de", "du", "des", "da", "do", "dos", "das", "del", "della", "delle", "dei", "degli", "di", "la",
        "le", "les", "los", "las", "el", "von", "vom", "van", "der", "den", "dem", "d'", "l'", "et", "e",
        "y", "i", "św.", "gen.", "ks.", "dr.", "san", "st.", "sta.",
    ]
)  # fmt: skip
_PREFIXES: Final = ("c/", "ul.", "ул.", "вул.", "jl.", "av.")
_FOLLOWING: Final = re.compile(r"\s?(?:[.,;:!?)\]\"'\n]|$|\s(?:a|in|e|di|à|en|w|em|bei)\s)")


@dataclass(frozen=True, slots=True)
class StreetDetector:
    """Street names of the languages that write the house number last."""

    replacement: str
    kind: str = "address"

    def find(self, text: str) -> Iterator[Span]:
        """Spans from the beginning of the street's name to the end of the address."""
        position = 0
        for match in _NUMBER.finditer(text):
            if (
                match.start() < position
                or _NAMED.search(text, max(0, match.start() - 4), match.start()) is None
            ):
                continue
            found = _street_before(text, match.start())
            if found is None:
                continue
            start, sure = found
            rest = _REST.match(text, match.end())
            if rest is not None and start >= position and _is_address(rest, sure):
                position = rest.end()
                yield Span(start, position, self.kind, self.replacement, Order.ADDRESS, rank=2)


def _is_address(rest: re.Match[str], sure: bool) -> bool:
    """A street of a doubtful name needs a code behind it."""
    tail = rest.string[rest.end("house") : rest.end()]
    return sure or any(map(str.isdecimal, tail))


def _street_before(text: str, end: int) -> tuple[int, bool] | None:
    """Where the street that ends before a number begins, and whether its name is sure; None if there is none."""
    base = max(0, end - _WINDOW, text.rfind("\n", max(0, end - _WINDOW), end) + 1)
    words = [(base + match.start(), match[0]) for match in _WORD.finditer(text[base:end].rstrip(" ,"))][
        -_MAX_WORDS:
    ]
    if not words:
        return None
    ending = _ending(words)
    if ending is not None:
        return ending
    for index in range(len(words) - 1, -1, -1):
        start, word = words[index]
        stripped = _OPENING.split(word)[-1]
        start += len(word) - len(stripped)
        lower = stripped.lower()
        named = index < len(words) - 1
        if named and lower in _TYPES:
            return start, True
        if named and lower in _DOUBTFUL:
            sure = (
                stripped[:1].isupper()
                and lower in ("via", "corso", "r.", "av.", "plaza")
                and _FOLLOWING.match(text, _digits_end(text, end)) is not None
            )
            return start, sure
        if lower.startswith(_PREFIXES) and len(lower) > 5:
            return start, True
        if not (
            stripped[:1].isupper()
            or lower in _SMALL
            or stripped.isdecimal()
            or lower.startswith(("d'", "l'", "d’", "l’"))
        ):
            return None
    return None


def _digits_end(text: str, start: int) -> int:
    match = _HOUSE_END.match(text, start)
    return start if match is None else match.end()


def _ending(words: list[tuple[int, str]]) -> tuple[int, bool] | None:
    """A compound (Hauptstr., Keizersgracht), or a type as a word of its own after a name (Berliner Str., Karl-Marx-Allee)."""
    start, word = words[-1]
    stripped = _OPENING.split(word)[-1]
    start += len(word) - len(stripped)
    lower = stripped.lower().rstrip(",")
    if not lower.endswith(_ENDINGS):
        return None
    ending = next(one for one in _ENDINGS if lower.endswith(one))
    sure = ending in _SURE
    stem = len(lower) - len(ending)
    if stem == 0:
        if len(words) < 2 or not words[-2][1][:1].isupper():
            return None
        return words[-2][0], sure and (ending != "str." or words[-2][1].lower().endswith(("er", "-")))
    if stem < 3 or not (sure or stripped[:1].isupper()):
        return None
    return start, sure and stripped.replace("-", "").replace(".", "").rstrip(",").isalpha()
