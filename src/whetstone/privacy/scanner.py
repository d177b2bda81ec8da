"""Runs the detectors over one text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from whetstone.privacy.detectors.detector import Detector
from whetstone.privacy.detectors.spans import Span, replace, resolve
from whetstone.privacy.replacement.placeholders import label, mask_placeholders

UNFILTERABLE = "unfilterable"
_MAX_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Redaction:
    """A filtered text and how many places of each kind were replaced in it."""

    text: str
    counts: Counter[str] = field(default_factory=Counter)


class TextScanner:
    """Finds and replaces private data in plain text. Stateless; safe to share between threads."""

    def __init__(self, detectors: Sequence[Detector], allowed: Sequence[str] = ()) -> None:
        self._detectors = tuple(detectors)
        self._allowed = frozenset(value.casefold() for value in allowed)

    def allows(self, value: str) -> bool:
        """Whether the operator named exactly this value as harmless."""
        return bool(self._allowed) and value.strip().casefold() in self._allowed

    def spans(self, text: str) -> list[Span]:
        """Disjoint spans of all private data, in text order; placeholders are never touched again."""
        masked = mask_placeholders(text)
        found = [span for detector in self._detectors for span in detector.find(masked)]
        if self._allowed:
            found = [span for span in found if not self.allows(masked[span.start : span.end])]
        return resolve(found)

    def redact(self, text: str) -> Redaction:
        """The text without private data.

        Scans until a scan finds nothing, because a replacement can lay bare what stood glued to it; so filtering a
        filtered text changes nothing. A text that never comes to rest is replaced as a whole.
        """
        counts: Counter[str] = Counter()
        for _ in range(_MAX_ROUNDS):
            spans = self.spans(text)
            if not spans:
                return Redaction(text, counts)
            counts.update(span.kind for span in spans)
            text = replace(text, spans)
        counts[UNFILTERABLE] += 1
        return Redaction(label(UNFILTERABLE), counts)
