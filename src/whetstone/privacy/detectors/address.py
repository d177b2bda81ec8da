"""Postal addresses in English: street with what follows, PO box, and city with state and ZIP code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.address_parts import CANADA_CODE, COUNTRY, UK_CODE
from whetstone.privacy.detectors.address_world import world_address_detectors
from whetstone.privacy.detectors.detector import Detector, Match, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span

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
_TOWN = rf"(?:,?\s{{1,2}}{_CITY},?\s{{1,2}}(?:{_STATES}),?\s{{1,2}}{_ZIP}|(?:,?\s{{1,2}}{_CITY})?,?\s{{0,2}}{_STATE}(?:,?\s{{1,2}}{_ZIP})?)"

# Endings of streets that are ordinary words too: with a unit or a town they tell an address.
_RARE = (
    "annex|avenel|bend|bluffs?|branch|bridge|brooks?|burgs?|bypass|canyon|cape|causeway|centers?|centre|club|common|close|corners?|course|cove|creek|crossing|crossroad"
    "|curve|dale|dam|divide|estates?|expressway|extensions?|falls?|ferry|fields?|flats?|fords?|forest|forges?|forks?|fort|freeway|gardens?|gateway|glens?|greens?"
    "|groves?|harbors?|haven|heights|hills?|hollow|inlet|islands?|isle|junctions?|keys?|knolls?|lakes?|land|landing|light|lights|loaf|locks?|lodge|mall|manors?|meadows?|mews|mills?"
    "|mission|motorway|mount|mountains?|neck|orchard|oval|overpass|parks?|pass|passage|path|pike|pines?|plains?|points?|ports?|prairie|quay|radial|ramp|ranch|rapids?|rest|ridges?|rise|river|route"
    "|rue|run|shoals?|shores?|skyway|springs?|spurs?|station|stravenue|stream|summit|throughway|trace|track|trafficway|tunnel|turnpike|underpass|unions?|valleys?|via|viaduct|views?"
    "|villages?|ville|vista|walks?|wall|wells?|wharf"
)
_ELSEWHERE = (
    rf"(?:,?\s{{1,2}}{_CITY}){{0,3}}?,?\s{{1,2}}(?:{UK_CODE}(?!\w)|(?-i:ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NU|NT)\s{{1,2}}{CANADA_CODE}(?!\w)"
    r"|(?-i:NSW|VIC|QLD|WA|SA|TAS|ACT|NT)\s{1,2}\d{4}(?!\d)|(?<=,\s)\d{4,5}(?![\w.,]\d)(?!\w)|(?:[-–]\s?)?[1-9]\d{2}\s?\d{3}(?!\d))"
)
_FLAT_WINDOW = 20
_FLAT = re.compile(r"(?:flat|apt|apartment|unit|suite|room)\.?\s#?(?:\w{1,5},?\s)?\Z", re.IGNORECASE)

_STREET = re.compile(
    r"(?<![\w.,/$€£#@-])\d{1,6}(?:[-/]\d{1,4}|[A-Za-z])?,?\s{1,2}(?=(?:\d{1,4}\s{1,2})?[\d.'’-]{0,6}[A-Za-z])(?P<words>(?:[A-Za-z0-9.'’-]{1,24}\s{1,2}){1,4}?)"
    rf"(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK})|(?P<rare>{_RARE}))\b\.?(?:\s[NSEW]{{1,2}}\b)?"
    rf"(?P<unit>(?:,\s{{0,2}}|\s{{1,2}}){_UNIT}(?:,?\s{{1,2}}{_UNIT})?)?(?P<town>{_TOWN}|{_ELSEWHERE})?(?:,?\s{{1,2}}{COUNTRY}\b)?",
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
    if match["rare"] is not None:
        return match["unit"] is not None and capitals
    if match["weak"] is not None and any(map(str.isdecimal, words)) and not match["town"]:
        return False  # "Table 3, Figure 12 Example Place"
    named = capitals and any(word[-1].isalpha() for word in words)
    return (
        named
        or match["unit"] is not None
        or (match["strong"] is not None and any(map(str.isalpha, match["words"])))
    )


@dataclass(frozen=True, slots=True)
class StreetFirstDetector:
    """A number, a street, and what follows; a flat may stand before the number."""

    kind: str = "address"
    replacement: str = ADDRESS

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole addresses."""
        for match in _STREET.finditer(text):
            if _is_street(match):
                flat = _FLAT.search(text, max(0, match.start() - _FLAT_WINDOW), match.start())
                start = match.start() if flat is None else flat.start()
                yield Span(start, match.end(), self.kind, self.replacement, Order.ADDRESS)


def address_detectors() -> list[Detector]:
    """Street addresses with what follows them, PO boxes, and the last line of an address alone."""
    return [
        StreetFirstDetector(),
        PatternDetector("address", ADDRESS, Order.ADDRESS, _PO_BOX, ("Box", "box", "BOX")),
        PatternDetector("address", ADDRESS, Order.ADDRESS, _CITY_STATE_ZIP, (), rank=1),
        *world_address_detectors(ADDRESS),
    ]
