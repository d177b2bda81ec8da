"""Postal addresses of the United States: street, PO box, and city with state and ZIP code."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order

ADDRESS: Final = "[REDACTED_ADDRESS]"

_STATES = "A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|PR|RI|S[CD]|T[NX]|UT|V[TA]|W[AVIY]"
_STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    "|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    "|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma"
    "|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington"
    "|West Virginia|Wisconsin|Wyoming"
)
# Words that stand after a house number nearly only in addresses …
_STRONG = "street|avenue|ave|boulevard|blvd|road|rd|lane|parkway|pkwy|highway|hwy|terrace|crescent|st|dr|ct|ln|pl|cir"
# … and words that need capitals or a town to tell an address from ordinary speech.
_WEAK = "drive|court|place|way|circle|square|sq|trail|trl|loop|plaza|alley|row|ter"
_UNIT = (
    r"(?:(?:apt|apartment|suite|ste|unit|bldg|building|floor|fl|room|rm)\b\.?\s{0,2}#?|#\s?)[A-Za-z0-9-]{1,8}"
)
_STATE = rf"(?:(?-i:\b(?:{_STATES})\b)|\b(?:{_STATE_NAMES})\b)"
_ZIP = r"\d{5}(?:-\d{4})?(?!\d)"
_CITY = r"[^\W\d_][\w.'’-]{0,24}(?:\s[^\W\d_][\w.'’-]{0,24}){0,3}"
_TOWN = rf"(?:,?\s{{1,2}}{_CITY})?,?\s{{0,2}}{_STATE}(?:,?\s{{1,2}}{_ZIP})?"

_STREET = re.compile(
    r"(?<![\w.,/$€£#@-])\d{1,6}(?:-\d{1,4}|[A-Za-z])?,?\s{1,2}(?P<words>(?:[A-Za-z0-9.'’-]{1,24}\s{1,2}){1,4}?)"
    rf"(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))\b\.?(?:\s[NSEW]{{1,2}}\b)?"
    rf"(?P<unit>(?:,\s{{0,2}}|\s{{1,2}}){_UNIT})?(?P<town>{_TOWN})?(?:,?\s{{1,2}}(?:USA|United States)\b)?",
    re.IGNORECASE,
)
_PO_BOX = re.compile(
    rf"\b(?:P\.?\s?O\.?\s?|Post\sOffice\s)Box\s{{1,2}}#?\d{{1,10}}\b(?:{_TOWN})?", re.IGNORECASE
)
_CITY_STATE_ZIP = re.compile(
    rf"(?<![\w.'’-])(?-i:(?=[A-Z])){_CITY},?\s{{1,2}}{_STATE},?\s{{1,2}}{_ZIP}", re.IGNORECASE
)
# Between a house number and a street word these show that a sentence goes on: "10 minutes down the road".
_SPEECH = frozenset(
    [
        "a", "an", "the", "of", "to", "in", "on", "at", "by", "from", "for", "with", "and", "or", "per",
        "this", "that", "these", "those", "my", "your", "our", "his", "her", "their", "is", "are", "was",
        "down", "up", "along", "across", "off", "into", "minutes", "minute", "miles", "mile", "km", "blocks",
        "block", "hours", "hour", "days", "day", "years", "year", "feet", "m", "am", "pm", "people", "lanes",
        "more", "most", "other", "same", "new", "way", "ways", "times", "time", "cars", "houses",
    ]
)  # fmt: skip


def _is_street(match: Match) -> bool:
    words = match["words"].split()
    if match["town"] and any(character.isdigit() for character in match["town"]):
        return True
    if any(word in _SPEECH for word in words):
        return False
    capitals = all(word[0].isupper() or word[0].isdigit() for word in words)
    named = capitals and any(word[-1].isalpha() for word in words)
    return (
        named
        or match["unit"] is not None
        or (match["strong"] is not None and any(map(str.isalpha, match["words"])))
    )


def address_detectors() -> list[PatternDetector]:
    """Street addresses with what follows them, PO boxes, and the last line of an address alone."""
    return [
        PatternDetector("address", ADDRESS, Order.ADDRESS, _STREET, (), _is_street),
        PatternDetector("address", ADDRESS, Order.ADDRESS, _PO_BOX, ("Box", "box", "BOX")),
        PatternDetector("address", ADDRESS, Order.ADDRESS, _CITY_STATE_ZIP, (), rank=1),
    ]
