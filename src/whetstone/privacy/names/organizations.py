"""Organisations that say something of a person: an employer, a small firm, a school, a clinic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from whetstone.privacy.names.entity import Entity, Found
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.names.words import expand, in_code

_SUFFIX = re.compile(
    r"\b(?:Inc|LLC|L\.L\.C|Ltd|Limited|PLC|plc|LLP|GmbH|AG|KG|KGaA|OHG|e\.V|S\.?A\.?S?|S\.?r\.?l|S\.?p\.?A|S\.?L|SARL|SE|NV|N\.V|BV|B\.V|Oyj?|AB|ASA?|A/S|ApS"
    r"|Kft|s\.r\.o|a\.s|Sp\. ?z ?o\.?o|Lda|Ltda|Pty|Pvt|Co|Corp|Corporation|Company|Holdings?|Group|Gruppe|& Sons|and Sons|& Co|Partners|Associates|Bank|Banco|Banca|Sparkasse"
    r"|University|Universität|Université|Universidad|Università|College|Academy|School|Hospital|Clinic|Klinik|Foundation|Stiftung|Institute"
    r"|Consulting|Industries|Enterprises|Solutions|Logistics|Pharma|Pharmaceuticals|Insurance|Ventures|Capital|Church|Stores?|Works|Hotels?|Airlines|Airways|Motors|Labs)\b\.?"
)
_LEGAL = re.compile(
    r"(?P<name>(?:[^\W\d_a-z][\w&'’.-]{0,30}(?:,)?[ ]){1,5}?(?:(?:and|&|und|et|y|e) (?:[^\W\d_a-z][\w'’.-]{0,30} ){0,2})?)"
    r"(?P<form>Inc|LLC|Ltd|PLC|plc|LLP|GmbH(?: & Co\. KG)?|AG(?: & Co\. (?:KG|OHG))?|Sp\. ?(?:z ?o\.? ?o|k|j)|s\.c|HB|OHG(?: mbH)?|CO\.,? ?LTD|Corporation|Corp|Co|Company|A\.Ş|Şti|KG|KGaA|OHG|S\.A\.S?|S\.r\.l|S\.p\.A|SpA|S\.L|SARL|SRL|NV|N\.V|BV|B\.V|Oyj?|AB|A/S|ApS|Kft|s\.r\.o|a\.s|Ltda|& Sons|and Sons|Holdings?|Group)(?![\w])\.?"
)
_CONTEXT = re.compile(
    r"(?:\b(?:work(?:s|ed|ing)? (?:at|for|with)|employed (?:at|by)|employer,?(?: is| was)?|my company,?|our company,?|our client,?|invoice (?:from|to)|hired by|job at"
    r"|position at|contract with|joined|studie[sd] at|enrolled at|founder of|ceo of|cto of|owner of|director (?:of|at)|on behalf of))\s(?:the\s)?\Z",
    re.IGNORECASE,
)
_WINDOW = 40
_MAX_LENGTH = 70


def has_legal_form(name: str) -> bool:
    """Whether the name ends with `GmbH`, `Ltd.`, `Inc` …, or is a school's, a clinic's, a bank's."""
    return _LEGAL.search(name) is not None or _SUFFIX.search(name) is not None


def organizations(text: str, english: Sequence[Entity]) -> list[Found]:
    """Organisations with a legal form, and those of the English model with a telling suffix or context."""
    found = []
    for match in _LEGAL.finditer(text):
        start, end = _without_ordinary(text, match.start("name"), match.end("form"))
        named = start < match.start("form") and not is_public(text[start : match.start("form")])
        if named and not in_code(text, start, end):
            found.append(Found(start, end, "organization"))
    for entity in english:
        if entity.label not in ("ORG", "FAC"):
            continue
        start, end = expand(text, entity.start, entity.end)
        start, end = _without_ordinary(text, start, end)
        value = text[start:end]
        if (
            not value
            or "\n" in value
            or len(value) > _MAX_LENGTH
            or is_public(value)
            or in_code(text, start, end)
        ):
            continue
        parts = value.split()
        if value[0].islower() or any(
            is_public(value.removesuffix(tail)) for tail in (" Inc", " Corp", " Group", " Bank")
        ):
            continue
        suffixed = len(parts) > 1 and _SUFFIX.search(value) is not None
        told = _CONTEXT.search(text, max(0, start - _WINDOW), start) is not None
        if suffixed or told:
            found.append(Found(start, end, "organization"))
    return found


def _without_ordinary(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the ordinary words at the start: `The`, `Our`, `Contact`."""
    for match in re.finditer(r"\S+\s*", text[start:end]):
        if match[0].strip(" ,.").casefold() not in words("ordinary"):
            return start + match.start(), end
    return start, start
