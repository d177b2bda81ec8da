"""Geographic coordinates in every shape of the wire contract (§11.2), and some more.

The sign belongs to the number and goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.geo_places import place_detectors, three_word_detector
from whetstone.privacy.detectors.spans import Order

KIND: Final = "geo"
REPLACEMENT: Final = "[REDACTED_GEO]"

_SIGN = r"[-+−]"
_NUMBER = rf"{_SIGN}?\d{{1,3}}(?:\.\d{{1,30}})?(?!\d)"
_EQUALS = r"[\"'\\]{0,4}\s{0,3}(?:[:=]|is\b)?\s{0,3}[\"'\\]{0,4}"
_LAT = r"lat(?:itude)?"
_LNG = r"(?:lng|lon(?:g(?:itude)?)?)"
# `lat` as a word of its own or as the tail of a compound: start_lat, homeLat; not `flat`.
_WORD_START = r"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=L)))"
_PREFIX = r"(?:[a-z]{1,12}_?)?"


def _plain_half(name: str, letters: str) -> str:
    return rf"{name}{_EQUALS}{_NUMBER}(?:\s?°)?(?:\s?[{letters}](?![A-Za-z]))?"


def _plain_pair() -> str:
    latitude, longitude = _plain_half(_LAT, "NS"), _plain_half(_LNG, "EW")
    gap = rf"[\"'\\]{{0,4}}[\s,;&|/]{{1,8}}(?:and\s{{1,2}})?[\"'\\]{{0,4}}{_PREFIX}"
    return rf"{_WORD_START}(?:{latitude}{gap}{longitude}|{longitude}{gap}{latitude})"


def _json_pair() -> str:
    """Two neighbouring JSON members; groups: q, k1, v1, mid, k2, v2 (the quote may itself be escaped)."""
    value = rf"(?P=q)?{_NUMBER}(?P=q)?"
    return (
        rf"(?P<q>\\{{0,3}}[\"'])(?P<k1>{_PREFIX}(?:{_LAT}|{_LNG})(?P=q)\s{{0,3}}:\s{{0,3}}){value}"
        rf"(?P<mid>\s{{0,12}},\s{{0,12}}(?P=q))(?P<k2>{_PREFIX}(?:{_LAT}|{_LNG})(?P=q)\s{{0,3}}:\s{{0,3}}){value}"
    )


_BARE = (
    rf"(?:(?<![\w.]){_SIGN})?(?<![\w.$€£¥])(?P<a>\d{{1,3}}\.\d{{2,}}+)(?:\s{{0,4}},\s{{0,4}}|%2C)"
    rf"(?P<b>{_SIGN}?\d{{1,3}}\.\d{{2,}}+)(?!\.?\d)"
)


# Amounts have two decimals, and a word or sign of money before them.
_MONEY: Final = re.compile(r"\d+\.\d\d\s*,\s*\d+\.\d\d")
_PRICED: Final = re.compile(
    r"(?:\b(?:price|cost|total|amount|paid|pay|fee|usd|eur|gbp)s?\b|[$€£¥])[^\n]*\Z", re.IGNORECASE
)


def plausible_pair(a: float, b: float) -> bool:
    """Whether two decimals can be a place on land.

    They must be in range in one of the two orders. Two numbers within ±1 lie in the open ocean; in texts they are
    shares, normalised boxes or embeddings.
    """
    low, high = sorted((abs(a), abs(b)))
    return low <= 90 and 1 < high <= 180


def _plausible(match: Match) -> bool:
    if _MONEY.fullmatch(match[0]) and _PRICED.search(match.string, max(0, match.start() - 24), match.start()):
        return False
    return plausible_pair(float(match["a"]), float(match["b"].replace("−", "-")))


def _has_digit(match: Match) -> bool:
    return any(character.isdigit() for character in match[0])


def _has_decimal(match: Match) -> bool:
    return "." in match["value"]


def _render_json_pair(match: Match) -> str:
    value = f"{match['q']}{REPLACEMENT}{match['q']}"
    return f"{match['q']}{match['k1']}{value}{match['mid']}{match['k2']}{value}"


def _render_quoted(match: Match) -> str:
    return f"{match['q']}{REPLACEMENT}{match['q']}"


_BLOCK = r"(?P<q>\\{0,3}[\"'])coords(?P=q)\s{0,3}:\s{0,3}(?P<value>\{[^{}]{1,400}\})"
_PLACE = (
    r"(?<![A-Za-z])(?:current\s{1,3}location|location|coords|coordinates|gps|position)[\"'\\]{0,4}\s{0,3}[:=]\s{0,3}"
    rf"[\[(\"']{{0,2}}\s?(?P<value>{_NUMBER}(?:\s{{0,3}},\s{{0,3}}|\s{{1,3}}(?=\S{{1,8}}\.\d\d)){_NUMBER})(?!\.?\d)"
)
_JSON_SINGLE = (
    rf"(?P<q>\\{{0,3}}[\"']){_PREFIX}(?:{_LAT}|lng|lon(?:gitude)?)(?P=q)\s{{0,3}}:\s{{0,3}}"
    rf"(?P<value>{_SIGN}?\d{{1,3}}\.\d{{1,30}}(?!\d))"
)
_PLAIN_SINGLE = (
    rf"\b(?:latitude|longitude)\s{{0,3}}(?:[:=]|is\b)\s{{0,3}}(?P<value>{_SIGN}?\d{{1,3}}\.\d{{2,30}}(?!\d))"
)
_LAT_TRIGGERS = ("lat", "Lat", "LAT")
_PLACE_TRIGGERS = ("ocation", "OCATION", "oord", "OORD", "gps", "GPS", "osition")


def _geo(
    rank: int,
    pattern: str,
    triggers: tuple[str, ...],
    accept: Callable[[Match], bool] | None = None,
    render: Callable[[Match], str] | None = None,
) -> PatternDetector:
    return PatternDetector(
        kind=KIND,
        replacement=REPLACEMENT,
        order=Order.GEO,
        pattern=re.compile(pattern, re.IGNORECASE),
        triggers=triggers,
        accept=accept,
        render=render,
        group="value" if "(?P<value>" in pattern else 0,
        rank=rank,
    )


def geo_detectors() -> list[PatternDetector]:
    """Blocks first, then labelled pairs, then single labelled numbers, then bare pairs."""
    return [
        _geo(0, _BLOCK, ("coords",), _has_digit, _render_quoted),
        _geo(1, _json_pair(), _LAT_TRIGGERS, render=_render_json_pair),
        _geo(2, _plain_pair(), _LAT_TRIGGERS),
        _geo(3, _PLACE, _PLACE_TRIGGERS, _has_decimal),
        _geo(4, _JSON_SINGLE, (*_LAT_TRIGGERS, "lng", "Lng", "lon", "Lon"), render=_render_quoted),
        _geo(4, _PLAIN_SINGLE, ("itude", "ITUDE")),
        *place_detectors(_geo),
        three_word_detector(KIND, REPLACEMENT),
        _geo(6, _BARE, (".",), _plausible),
    ]
