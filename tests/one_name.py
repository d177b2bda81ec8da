"""A names model that knows a single name, for tests of what surrounds the models."""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.models import ModelInfo


class MeiFinder:
    """A names model that knows one name."""

    description = (ModelInfo("mei", "1", "00", "MIT"),)

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [self._find(text) for text in texts]

    def _find(self, text: str) -> list[Span]:
        start = text.find("Mei Rossi")
        if start < 0:
            return []
        return [Span(start, start + 9, "person", "<REDACTED:person>", Order.PERSON, 0, Tier.NAMES)]
