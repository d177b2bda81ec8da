"""Decides which findings of the two models count, and how far they reach.

Rampart is precise, knows many languages and reads structured text; the English model adds persons, places and
organisations in running English prose, and guesses wildly elsewhere. The rules here were chosen by measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whetstone.privacy.names.entity import Entity, Found
from whetstone.privacy.names.identifiers import identifiers
from whetstone.privacy.names.organizations import organizations
from whetstone.privacy.names.persons import persons
from whetstone.privacy.names.places import places
from whetstone.privacy.names.words import is_prose, line_around

VERSION: Final = "3"
"""Part of the key of every cached answer; to be raised whenever a rule changes."""

# Earlier kinds keep an overlap: a street is often named after a person, a firm after its founder.
_KINDS: Final = ("email", "address", "organization", "person", "location")


def has_prose(text: str) -> bool:
    """Whether the English model shall see the text."""
    return any(is_prose(line) for line in text.splitlines())


def combine(text: str, rampart: Sequence[Entity], english: Sequence[Entity]) -> list[Found]:
    """What of both models' findings is private, disjoint and in text order."""
    prose = [entity for entity in english if is_prose(line_around(text, entity.start, entity.end))]
    found = [
        *identifiers(text, rampart),
        *places(text, rampart, prose),
        *organizations(text, prose),
        *persons(text, rampart, prose),
    ]
    return _disjoint(found)


def _disjoint(found: Sequence[Found]) -> list[Found]:
    merged: list[Found] = []
    for item in sorted(found):
        if merged and item.start < merged[-1].end:
            last = merged[-1]
            kind = min(last.kind, item.kind, key=_rank)
            merged[-1] = Found(last.start, max(last.end, item.end), kind)
        else:
            merged.append(item)
    return merged


def _rank(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
