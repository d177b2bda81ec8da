"""Payment cards: numbers by network and checksum; security code and expiry beside them."""

from __future__ import annotations

import re
from typing import Final

from stdnum import luhn

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

KIND: Final = "card-number"
_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{12,19}|\d{3,6}(?P<sep>[ .\u00a0\u2007\u202f\u2010-\u2015-])(?:\d{3,6}(?P=sep)){1,4}\d{1,7})"
    r"(?![\w-]|\.\d)"
)
# Leading digits and lengths of the networks; without them one in ten of all long numbers would pass.
_NETWORKS = re.compile(
    r"(?:4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:2131|1800)\d{11}|(?:50[0-9]{2}|5[6-8]\d\d|6304|67\d\d)\d{8,15})\Z"
)
_CARD_WORDS = re.compile(
    r"\b(?:card|cards|visa|mastercard|amex|american express|maestro|discover|karte|kreditkarte|carte|tarjeta|carta|kaart|cvv2?|cvc2?|cc)\b|(?<!\d)\d(?:[ -]?\d){14,15}(?!\d)",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"\b(?:(?:credit|debit|bank|payment)[ _-]?card|card[ _-]?(?:number|no|num|#)|kreditkarten?(?:nummer)?|num[eé]ro de carte"
    r"|carte bancaire|n[uú]mero de (?:la )?tarjeta|tarjeta)\b[^\w\n]{0,4}(?:(?:number|num|no|is|ist|est|es)\b[^\w\n]{1,3}){0,3}"
    r"(?P<value>\d{4}(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{1,4}(?:(?P=gap)\d{1,3})?|\d{4}[ -]?\d{6}[ -]?\d{5})(?![\w-])",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|csc|card\s(?:verification|security)\s(?:code|number|value)|security\scode|prüfziffer|kartenprüfnummer"
    r"|cryptogramme)[\"'`*\\]{0,3}[^\w\n\"']{0,4}(?:(?:code|number|no|is|ist|est|es|was)\b[^\w\n]{1,3}){0,2}[\"'\\]{0,2}(?P<value>\d{3,4})(?![\w]|[.,:/-]\d)",
    re.IGNORECASE,
)
_EXPIRY = re.compile(
    r"\b(?:exp(?:ir(?:y|es|ed|ation|ing))?|valid\s(?:thru|until|through)|good\sthru|gültig\sbis|ablaufdatum)\b[^\w\n]{0,3}(?:(?:date|on|is|in)\b[^\w\n]{1,3}){0,2}"
    r"(?P<value>(?:0?[1-9]|1[0-2])\s?[/-]\s?(?:20)?\d\d)(?![\w/-])",
    re.IGNORECASE,
)
_BESIDE = 160


def is_card_number(digits: str) -> bool:
    """Whether a row of digits is the number of a payment card: network prefix, length and Luhn checksum."""
    return _NETWORKS.match(digits) is not None and luhn.is_valid(digits)


def _is_card(match: Match) -> bool:
    text = match[0]
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    if not 12 <= len(digits) <= 19 or not is_card_number(digits):
        return False
    # Dots part the groups of cards rarely, and of other numbers often; twelve digits are many things.
    return ("." not in text or len(digits) == 16) and (len(digits) > 12 or _stands_by_card(match))


def _stands_by_card(match: Match) -> bool:
    return _CARD_WORDS.search(match.string, max(0, match.start() - _BESIDE), match.start()) is not None


def _is_code(match: Match) -> bool:
    """A security code that is not said to be a card's may be that of a door."""
    return not match[0].lower().startswith("security") or _stands_by_card(match)


def card_detectors() -> list[PatternDetector]:
    """Numbers with a right checksum, announced ones even without, security codes, and expiry dates."""
    replacement = label(KIND)
    words = ("ard", "ARD", "arte", "arjeta")
    codes = ("cv", "CV", "Cv", "csc", "CSC", "ode", "ryptogramme", "rüfz", "rüfn", "verification")
    return [
        PatternDetector(KIND, replacement, Order.IDENTITY, _CARD, (), _is_card),
        PatternDetector(KIND, replacement, Order.IDENTITY, _ANNOUNCED, words, group="value"),
        PatternDetector(KIND, replacement, Order.IDENTITY, _CODE, codes, _is_code, group="value"),
        PatternDetector(
            KIND,
            replacement,
            Order.IDENTITY,
            _EXPIRY,
            ("xp", "XP", "thru", "alid", "bis", "ablauf"),
            _stands_by_card,
            group="value",
        ),
    ]
