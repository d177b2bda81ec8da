"""Addresses, put together from their parts, and places that stand alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from whetstone.privacy.names.entity import Entity, Found
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.names.words import expand, in_code, is_name_word

_PARTS: Final = frozenset(
    ["BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"]
)
_SURE_PART = 0.5
_SURE_CITY = 0.7
_SURE_STATE = 0.9
_WINDOW = 24
_UNIT = r"(?:apt|apartment|suite|ste|unit|flat|room|floor|bldg|building|no|nr|lok|m|via|ul|piano|piso|bus|box|h\.?no|house|haus|wohnung|etage|esc|dept|int|bl)"
_UNIT_WORD = re.compile(rf"(?<![^\W\d_]){_UNIT}(?![^\W\d_])", re.IGNORECASE)
_GAP = re.compile(rf"[\s,.;/#>?|-]{{0,16}}(?:\b{_UNIT}\b[\s.,#]{{0,3}})?", re.IGNORECASE)
_BEFORE = re.compile(rf"(?<![\w.]){_UNIT}\b\.?[ #]{{0,2}}(?:[\d/-]{{1,8}},?\s{{1,2}})?\Z", re.IGNORECASE)
_NUMBER_BEFORE = re.compile(r"(?<![\w.])\d{1,5}[A-Za-z]?(?:[/-]\d{1,4}[A-Za-z]?)?,?[ ]\Z")
# What stands behind the last part that was recognised: a unit, a state, a postal code.
_AFTER = re.compile(
    rf"(?:[\s,.]{{1,3}}{_UNIT}\b\.?[ #]{{0,2}}[A-Za-z]?\d{{1,5}}[A-Za-z]?\b)?(?:,?[ \n]{{0,6}}\(?[A-Z]{{2,3}}\)?(?![\w]))?"
    r"(?:[ \n,-]{1,8}(?:\d{5}(?:-\d{3,4})?|[A-Z]{1,2}\d[\dA-Z]? ?\d[A-Z]{2}|\d{4} ?[A-Z]{2}|\d{2,3}[ -]\d{2,3}|\d{6})(?![\w]))?"
)
_NUMBER_AFTER = re.compile(r",?[ ]\d{1,5}[A-Za-z]?(?:[/-]\d{1,4}[A-Za-z]?)?(?![\w.])")


def places(text: str, rampart: Sequence[Entity], english: Sequence[Entity]) -> list[Found]:
    """Addresses of more than one part, and cities and other places that are no countries."""
    parts = []
    for entity in rampart:
        if entity.label in _PARTS and entity.score >= _SURE_PART:
            start, end = expand(text, entity.start, entity.end)
            if entity.label == "CITY" and text[start:end].islower() and text[start:end] in words("ordinary"):
                continue  # `port 52113`
            if (start < end and not in_code(text, start, end)) or entity.label in (
                "BUILDING_NUMBER",
                "ZIP_CODE",
            ):
                parts.append(entity._replace(start=start, end=end))
    found: list[Found] = []
    group: list[Entity] = []
    for entity in parts:
        if group and not _near(text, group[-1], entity):
            found += _settle(text, group)
            group = []
        group.append(entity)
    found += _settle(text, group)
    return found + _prose_places(text, english)


def _near(text: str, before: Entity, after: Entity) -> bool:
    return after.start <= before.end or _GAP.fullmatch(text, before.end, after.start) is not None


def _settle(text: str, group: Sequence[Entity]) -> list[Found]:
    """One address when there is a street or a postal code among the neighbours; single cities and states."""
    if not group:
        return []
    labels = {entity.label for entity in group}
    if "ZIP_CODE" not in labels and _are_products(text, group):
        return []
    start, end = group[0].start, max(entity.end for entity in group)
    if "STREET_NAME" in labels and (len(labels) > 1 or _looks_like_street(text[start:end])):
        return [_address(text, start, end)]
    if labels & {"CITY", "STATE"} and labels & {"ZIP_CODE", "BUILDING_NUMBER", "SECONDARY_ADDRESS"}:
        return [_address(text, start, end)]
    if {"SECONDARY_ADDRESS", "BUILDING_NUMBER"} <= labels and _UNIT_WORD.search(text[start:end]):
        return [_address(text, start, end)]
    return [Found(e.start, e.end, "location") for e in group if _is_place(text, e)]


def _are_products(text: str, group: Sequence[Entity]) -> bool:
    """Whether nothing but a well-known name gives the number beside it a place: `Ubuntu 22`, `Chrome 124`."""
    named = [text[e.start : e.end] for e in group if e.label in ("CITY", "STATE", "STREET_NAME")]
    return bool(named) and all(value.strip("0123456789. ").casefold() in words("brands") for value in named)


def _address(text: str, start: int, end: int) -> Found:
    """The address with the number, unit, state and postal code around what was recognised."""
    for pattern in (_NUMBER_BEFORE, _BEFORE):
        if (before := pattern.search(text, max(0, start - _WINDOW), start)) is not None:
            start = before.start()
    if (number := _NUMBER_AFTER.match(text, end)) is not None:
        end = number.end()
    if (after := _AFTER.match(text, end)) is not None and any(map(str.isalnum, after[0])):
        end = after.end()
    return Found(start, end, "address")


def _looks_like_street(value: str) -> bool:
    return (len(value) > 4 and value[0].isalpha() and " " in value) or bool(
        re.search(
            r"(?i)(?:stra(?:ß|ss)e|gasse|allee|gata|gatan|vej|weg|laan|straat|ulica|ring|platz)\b", value
        )
    )


def _is_place(text: str, entity: Entity) -> bool:
    value = text[entity.start : entity.end]
    if is_public(value) or in_code(text, entity.start, entity.end) or not value[:1].isalpha():
        return False
    if entity.label == "CITY":
        sure = _SURE_CITY if not value[0].islower() else _SURE_STATE
    elif entity.label == "STATE":
        sure = _SURE_STATE
    else:
        return False
    if entity.score < sure or (len(value) < 4 and value.isascii()):
        return False
    return all(word.casefold() not in words("ordinary") for word in value.split()) or " " in value


def _prose_places(text: str, english: Sequence[Entity]) -> list[Found]:
    found = []
    for entity in english:
        if entity.label not in ("GPE", "LOC", "FAC"):
            continue
        start, end = expand(text, entity.start, entity.end)
        value = text[start:end]
        if value.lower().startswith("the "):
            start += 4
            value = value[4:]
        parts = value.split()
        if not parts or "\n" in value or is_public(value) or in_code(text, start, end):
            continue
        if not re.fullmatch(r"[^\W\d_]+(?:[ '’.-]{1,2}[^\W\d_]+){0,3}", value) or len(value) < 4:
            continue
        if (
            entity.label == "GPE"
            and parts[0][0].isupper()
            and not value.isupper()
            and all(map(is_name_word, parts))
        ):
            found.append(Found(start, end, "location"))
    return found
