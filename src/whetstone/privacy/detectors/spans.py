"""Places in a text that must go, and how overlapping ones are settled."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Tier(StrEnum):
    """Which part of the filter found something: a column of the report."""

    RULES = "rules"
    """Patterns and checksums."""
    NAMES = "names"
    """Local models, and the phrases that introduce a name."""
    STRUCTURE = "structure"
    """Keys that say what their value is."""
    CUSTOM = "custom"
    """The operator's own lists and patterns."""


class Order(IntEnum):
    """Which detector names an overlap; earlier members win. Source: wire contract §11.2."""

    GEO = 0
    CREDENTIAL = 1
    ASSIGNMENT = 2
    LISTED = 3
    IDENTITY = 4
    EMAIL = 5
    ADDRESS = 6
    PHONE = 7
    NETWORK = 8
    HANDLE = 9
    DATE = 10
    PERSON = 11
    LOCATION = 12
    ORGANIZATION = 13
    ENCODED = 14


class Span(NamedTuple):
    """`text[start:end]` is private data of a kind.

    `replacement` takes its place, unless the kind has numbered pseudonyms: then the trajectory decides.
    """

    start: int
    end: int
    kind: str
    replacement: str
    order: Order
    rank: int = 0
    """Precedence among spans of the same order; lower wins."""
    tier: Tier = Tier.RULES


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Disjoint spans in text order that cover everything that the given spans cover.

    Overlapping spans become one, so that no rest of a losing span stays behind. It carries the name of the span
    with the highest precedence; among equals the longer one wins.
    """
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            winner = min(last, span, key=_precedence)
            merged[-1] = winner._replace(start=last.start, end=max(last.end, span.end))
        else:
            merged.append(span)
    return merged


def _precedence(span: Span) -> tuple[int, int, int]:
    return (span.order, span.rank, span.start - span.end)
