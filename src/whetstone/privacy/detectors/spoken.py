"""Numbers that were spoken digit by digit and written down in words: `four four seven one nine two two`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_DIGITS: Final = (
    "zero one two three four five six seven eight nine",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zero uno due tre quattro cinque sei sette otto nove",
    "zero um dois três quatro cinco seis sete oito nove",
    "nul een twee drie vier vijf zes zeven acht negen",
)
_OTHERS: Final = "oh o double triple zwo doble meia"
_VALUES: Final = {word: value for line in _DIGITS for value, word in enumerate(line.split())}
_WORD: Final = "|".join(sorted({*_VALUES, *_OTHERS.split()}, key=lambda word: (-len(word), word)))
# Fewer may be a dial of something else, or a countdown.
_RUN: Final = re.compile(
    rf"(?<![\w-])(?:{_WORD})(?:(?:[ \t]|[,.-][ \t]?|,? (?:uh|um|and|äh) )(?:{_WORD})(?!\w)){{6,40}}(?![\w-])",
    re.IGNORECASE,
)
_TRIGGER: Final = re.compile(
    r"three|four|drei|vier|trois|quatre|tres|cuatro|tre|três|drie|one|two|five|nine", re.IGNORECASE
)
_SPLIT: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class SpokenNumberDetector:
    """Seven and more digits in words, unless they count up or down."""

    kind: str = "account-number"
    replacement: str = label("account-number")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the runs."""
        if _TRIGGER.search(text) is None:
            return
        for match in _RUN.finditer(text):
            if not _counts(match[0]):
                yield Span(*match.span(), self.kind, self.replacement, Order.IDENTITY)


def _counts(run: str) -> bool:
    values = [_VALUES[word] for word in map(str.lower, _SPLIT.findall(run)) if word in _VALUES]
    steps = {after - before for before, after in pairwise(values)}
    return len(steps) <= 1
