"""Vehicle identification numbers with the check digit of North America."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

KIND: Final = "vehicle"
_VIN = re.compile(
    r"(?<![A-Za-z0-9_-])[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{3}[A-HJ-NPR-Z0-9]\d{4}(?![A-Za-z0-9_-])"
)
_VALUES: Final = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
)
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def is_vin(text: str) -> bool:
    """Whether the check digit of 49 CFR 565 is right and both letters and digits occur."""
    if text.isdigit() or sum(map(str.isalpha, text)) < 3:
        return False
    total = sum((_VALUES.get(c) or int(c)) * weight for c, weight in zip(text, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == text[8]


def _is_vin(match: Match) -> bool:
    return is_vin(match[0])


def vehicle_detectors() -> list[PatternDetector]:
    """Numbers that are valid anywhere; others need a word before them."""
    return [PatternDetector(KIND, label(KIND), Order.IDENTITY, _VIN, (), _is_vin, rank=3)]
