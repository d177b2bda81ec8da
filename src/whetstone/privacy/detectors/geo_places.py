"""Places in notations of their own: degrees, map links, grid codes, three words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order

_NUMBER: Final = r"[-+−]?\d{1,3}(?:\.\d{1,30})?(?!\d)"
_ARC: Final = r"\d{1,3}(?:\.\d{1,12})?\s?[°º˚]\s?(?:\d{1,2}(?:\.\d{1,8})?\s?['′’‘´]\s?(?:\d{1,2}(?:\.\d{1,8})?\s?(?:[\"″”“]|''|′′|’’)\s?)?)?"
# 37°46'29.6"N 122°25'9"W, N 37° 46.5', 37.7749° N, 122.4194° W, N37.7749 W122.4194, 37.7749N 122.4194W
_ARCS: Final = rf"(?<![\d.])(?P<value>{_ARC}\s?[NS]\b[\s,;/]{{0,3}}(?:and\s)?{_ARC}\s?[EWO]\b)"
_ARCS_BEHIND: Final = rf"(?<![A-Za-z])(?P<value>[NS]\s?{_ARC}[\s,;/]{{0,3}}[EWO]\s?{_ARC})"
_LETTERS_BEHIND: Final = (
    r"(?<![\d.])(?P<value>\d{1,2}\.\d{2,12}\s?(?-i:[NS])[\s,;/]{1,3}\d{1,3}\.\d{2,12}\s?(?-i:[EWO])\b)"
)
_LETTERS_BEFORE: Final = (
    r"(?P<value>(?-i:[NS])\s?\d{1,2}\.\d{2,12}[\s,;/]{1,3}(?-i:[EWO])\s?\d{1,3}\.\d{2,12}(?!\d))"
)
_WRITTEN: Final = r"(?<![\d.])(?P<value>(?:\d{1,3}(?:\.\d{1,8})?\sdeg(?:rees)?\.?\s(?:\d{1,2}(?:\.\d{1,8})?\s?(?:min(?:utes)?|m)\.?\s)?(?:\d{1,2}(?:\.\d{1,8})?\s?(?:sec(?:onds)?|s)\.?\s)?(?:north|south|east|west|[NSEW])\b(?:,?\s(?:and\s)?)?){1,2})"
_SIGNED_DEGREES: Final = (
    r"(?<![\d.])(?P<value>[-+−]?\d{1,2}\.\d{2,12}\s?°\s?[,;/]\s?[-+−]?\d{1,3}\.\d{2,12}\s?°)"
)
_LINK: Final = rf"(?:geo:|[/@]@|[?&](?:q|ll|sll|daddr|saddr|center|query|destination|origin|cp|map|mlat|near|viewpoint|location|coordinates?|markers|loc)=(?:loc:|[a-z]{{1,12}}%3A)?|/maps/(?:place|search|dir)/|#map=\d{{1,2}}/|maps/@|!3d)(?P<value>{_NUMBER}(?:,|%2C|\+|,\+|%2C\+|/|~|!4d){_NUMBER})"
_WKT: Final = rf"\b(?:POINT|MULTIPOINT|LINESTRING)\s?(?:Z|M|ZM)?\s?\(\(?\s?(?P<value>{_NUMBER}\s{{1,2}}{_NUMBER}(?:\s{{1,2}}{_NUMBER})?(?:\s?,\s?{_NUMBER}\s{{1,2}}{_NUMBER}){{0,200}})"
_GEOJSON: Final = rf"[\"'\\]{{1,4}}coordinates[\"'\\]{{1,4}}\s?:\s?(?P<value>\[\s{{0,20}}{_NUMBER}\s{{0,3}},\s{{0,20}}{_NUMBER}(?:\s{{0,3}},\s{{0,20}}{_NUMBER})?\s{{0,20}}\])"
# 8FVC9G8F+6X; the short form (9G8F+6X) needs a town after it or a word before it.
_PLUS_CODE: Final = r"(?<![\w+])(?P<value>(?-i:[23456789CFGHJMPQRVWX]{8}\+[23456789CFGHJMPQRVWX]{2,3}|(?<=code )[23456789CFGHJMPQRVWX]{4,6}\+[23456789CFGHJMPQRVWX]{2,3}|(?<=code: )[23456789CFGHJMPQRVWX]{4,6}\+[23456789CFGHJMPQRVWX]{2,3}))(?![\w+])"
_GEOHASH: Final = (
    r"\bgeo_?-?hash\b[\"'`]{0,2}[^\w\n]{1,4}(?:is\s)?[\"'`]?(?P<value>[0-9b-hjkmnp-z]{5,12})(?!\w)"
)
_THREE_WORDS: Final = r"(?<![\w/:])(?P<value>///[^\W\d_]{3,24}\.[^\W\d_]{3,24}\.[^\W\d_]{3,24})(?![\w.])|(?<=w3w\.co/)(?P<link>[^\W\d_]{3,24}\.[^\W\d_]{3,24}\.[^\W\d_]{3,24})|(?<=what3words\.com/)(?P<page>[^\W\d_]{3,24}\.[^\W\d_]{3,24}\.[^\W\d_]{3,24})"
_UTM: Final = r"\b(?:UTM|MGRS)\b[^\w\n]{0,3}(?:zone\s)?(?P<value>\d{1,2}\s?[C-HJ-NP-X]\s(?:[A-HJ-NP-Z]{2}\s)?\d{4,7}(?:\.\d{1,4})?\s?m?[EN]?[\s,]{1,2}\d{4,8}(?:\.\d{1,4})?\s?m?[NE]?)(?!\w)"


_DEGREE_SIGNS: Final = ("°", "º", "˚")


def _is_point(match: Match) -> bool:
    """Within the range of degrees, and not whole numbers only (pages, counts)."""
    numbers = re.findall(r"\d+(?:\.\d+)?", match["value"].replace("%2C", ","))
    return "." in match["value"] and all(float(number) <= 180 for number in numbers[:2])


def _is_hash(match: Match) -> bool:
    return any(map(str.isdigit, match["value"]))


def place_detectors(
    make: Callable[[int, str, tuple[str, ...], Callable[[Match], bool] | None], PatternDetector],
) -> list[PatternDetector]:
    """Every notation, made by the caller's constructor of geographic detectors."""
    return [
        make(5, _ARCS, _DEGREE_SIGNS, None),
        make(5, _ARCS_BEHIND, _DEGREE_SIGNS, None),
        make(5, _LETTERS_BEHIND, (".",), None),
        make(5, _LETTERS_BEFORE, ("N", "S"), None),
        make(5, _WRITTEN, (" deg",), None),
        make(5, _SIGNED_DEGREES, ("°",), None),
        make(5, _LINK, ("geo:", "=", "/@", "/maps/", "!3d", "#map="), _is_point),
        make(5, _WKT, ("POINT", "Point", "point", "LINESTRING"), None),
        make(4, _GEOJSON, ("coordinates",), _is_point),
        make(5, _PLUS_CODE, ("+",), None),
        make(5, _GEOHASH, ("eohash", "eoHash", "eo_hash", "EOHASH"), _is_hash),
        make(5, _UTM, ("UTM", "MGRS"), None),
    ]


def three_word_detector(kind: str, replacement: str) -> PatternDetector:
    """Addresses of three words: behind three slashes or in a link of that service."""
    return PatternDetector(
        kind, replacement, Order.GEO, re.compile(_THREE_WORDS), ("///", "w3w.co/", "what3words.com/"), rank=5
    )
