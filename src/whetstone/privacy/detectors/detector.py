"""What a detector is, and the one that most of them are: a regular expression with a cheap trigger.

A detector sees one text and knows nothing of documents, fields or reports. All patterns must run in linear time:
quantifiers are bounded or possessive, and a look-behind keeps a long run from being entered at every position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from whetstone.privacy.detectors.spans import Order, Span

Match = re.Match[str]


class Detector(Protocol):
    """Finds one kind of private data."""

    @property
    def kind(self) -> str:
        """Name of what is found, a row of the report."""

    @property
    def replacement(self) -> str:
        """The label that takes its place."""

    def find(self, text: str) -> Iterator[Span]:
        """All places, in any order; they may overlap those of other detectors."""


@dataclass(frozen=True, slots=True)
class PatternDetector:
    """A compiled pattern, tried only when a trigger occurs in the text, with an optional check of each match."""

    kind: str
    replacement: str
    order: Order
    pattern: re.Pattern[str]
    triggers: tuple[str, ...] = ()
    """Literal strings of which one must occur; none means always."""
    accept: Callable[[Match], bool] | None = None
    render: Callable[[Match], str] | None = None
    """Makes a replacement that keeps the syntax around the value; the label by default."""
    group: int | str = 0
    rank: int = 0

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the pattern's group, where the check accepts them."""
        if self.triggers and not any(trigger in text for trigger in self.triggers):
            return
        for match in self.pattern.finditer(text):
            if self.accept is None or self.accept(match):
                start, end = match.span(self.group)
                replacement = self.replacement if self.render is None else self.render(match)
                yield Span(start, end, self.kind, replacement, self.order, self.rank)
