"""Postal addresses outside the United States that begin with a number or a label, and postal codes alone."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.address_parts import (
    CANADA_CODE,
    CITY,
    GAP,
    HOUSE,
    LETTER,
    NAME,
    SMALL,
    TAIL,
    UK_CODE,
    UPPER,
)
from whetstone.privacy.detectors.detector import Detector, Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.detectors.streets import StreetDetector

_FRENCH: Final = re.compile(
    rf"(?<![\w.,/-])(?P<house>{HOUSE}),?\s(?:(?P<sure>rue|chemin|impasse|all[ée]e|quai|faubourg|ruelle|bd|bld)|avenue|av\.|boulevard|place|cours|square|passage|route|sentier|villa|esplanade|voie|rond-point)\s"
    rf"(?P<small>(?:{SMALL}\s?){{0,3}})(?P<name>{LETTER}[\w.'’-]{{1,24}}(?:[ ](?:{SMALL}[ ]?){{0,3}}{NAME}){{0,4}}){TAIL}",
    re.IGNORECASE,
)
_BRITISH: Final = re.compile(
    rf"(?<![\w.,/$€£#@-])\d{{1,4}}[a-z]?,?\s(?:{NAME}\s?){{1,4}}(?:{GAP}{CITY}){{1,4}}(?:{GAP}|\s)(?:{UK_CODE}|{CANADA_CODE})(?!\w)(?:{GAP}(?:UK|United Kingdom|England|Scotland|Wales|Canada)\b)?"
)
# A code with its town alone: clear only in some countries.
_CODES: Final = re.compile(
    r"(?<![\w-])(?:(?:[A-PR-UWYZ]\d[\dA-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y]\d[\dABEHMNPRV-Y]?) \d[ABD-HJLNP-UW-Z]{2}"
    r"|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d"
    rf"|(?:D|A|CH|DE|AT|F|FR|E|ES|I|IT|B|BE|NL|L|PL|SE|S|DK|FI)-\d{{4,5}} {CITY}"
    rf"|[1-9]\d{{3}} (?!AD|BC|AM|PM|CE|GB|MB|KB|TB|KM|CM|MM|US|EU|UTC)[A-Z]{{2}} {UPPER}{LETTER}{{3,24}}(?: {UPPER}{LETTER}{{3,24}})?)(?![\w-])"
)
_LABEL: Final = (
    r"\b(?:(?:home|street|postal|mailing|shipping|billing|delivery|my|work|current|residential|new|full)\s)?(?<!ip )(?<!mail )(?<!email )(?<!mac )(?<!web )(?<!ip_)(?<!mac_)(?<!wallet )(?<!memory )"
    r"(?:address(?:\s?line)?(?:\s?[12])?|adresse|anschrift|direcci[óo]n|domicilio|indirizzo|endere[çc]o|adres|adress|osoite|адрес[а]?)[\"'*`]{0,3}\s?(?:[:=]|is\b|ist\b|es\b|est\b|è\b|é\b)[\"'*`]{0,3}\s{0,3}[\"']?"
)
_DWELLING: Final = (
    r"\b(?:live|lives|living|lived|reside|resides|residing|wohne|wohnt|wohnhaft|habite|vivo|vive|abito|woon|mieszkam|ship(?:ped)?(?: it)?|deliver(?:ed)?(?: it)?|send it|moved|mail it)\s"
    r"(?:in der |in |at |to |au |en |a |op |przy |auf der |am )?(?:the )?"
)
_WORDS: Final = rf"(?:(?:(?:{SMALL}\s){{0,3}}{NAME}(?:\s|(?=,))){{1,5}})"
_LABELLED: Final = re.compile(
    rf"(?:{_LABEL}|{_DWELLING})(?P<value>(?:(?:flat|apt|apartment|unit|suite)\s\w{{1,6}},?\s)?(?:{HOUSE},?\s{_WORDS}{NAME}|{HOUSE},?\s{NAME}|(?:{NAME}\s){{1,5}}{HOUSE}){TAIL}(?:{GAP}{CITY}(?!\w))?)",
    re.IGNORECASE,
)
_TIMES: Final = re.compile(r"\d{1,2}\s?(?:am|pm|h|x|m|s|k)\Z", re.IGNORECASE)


def _is_french(match: Match) -> bool:
    """ "2 Square meters" and "5 place settings" are none: ambiguous types need "de la", or a code."""
    tail = match.string[match.end("name") : match.end()]
    sure = match["sure"] is not None or match["small"].strip() != "" or match["name"][:1].isupper()
    ambiguous = match["sure"] is None and match["small"].strip() == ""
    return any(map(str.isdecimal, tail)) or (sure and not ambiguous)


def _is_labelled(match: Match) -> bool:
    value = match["value"]
    return sum(map(str.isalpha, value)) >= 4 and _TIMES.search(value) is None


def world_address_detectors(label: str) -> list[Detector]:
    """One detector for each order of the parts."""

    def detector(pattern: re.Pattern[str], rank: int, group: str | int = 0) -> PatternDetector:
        checks = {_FRENCH: _is_french, _LABELLED: _is_labelled}
        return PatternDetector(
            "address", label, Order.ADDRESS, pattern, (), checks.get(pattern), group=group, rank=rank
        )

    return [
        StreetDetector(label),
        detector(_FRENCH, 2),
        detector(_BRITISH, 2),
        detector(_LABELLED, 3, "value"),
        detector(_CODES, 4),
    ]
