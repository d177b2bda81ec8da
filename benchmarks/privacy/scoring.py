"""What a detector found against what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.privacy.labelled import NEUTRAL, Document, Gold

Found = Sequence[tuple[int, int]]


@dataclass(slots=True)
class Score:
    """Counts over a set of documents. Names and labels play no part, only which characters are covered."""

    gold: Counter[str] = field(default_factory=Counter)
    full: Counter[str] = field(default_factory=Counter)
    half: Counter[str] = field(default_factory=Counter)
    predicted: int = 0
    right: int = 0
    harmless: int = 0
    """Letters and digits that are in no gold span."""
    destroyed: int = 0
    characters: int = 0

    def recall(self, *, kinds: Iterable[str] | None = None, neutral: bool = False) -> float:
        """Share of gold spans that are covered wholly; private ones only, unless `neutral`."""
        return self._share(self.full, kinds, neutral)

    def partial_recall(self) -> float:
        """Share of private gold spans of which at least half is covered."""
        return self._share(self.half, None, False)

    @property
    def precision(self) -> float:
        """Share of found spans that touch a gold span; 1 when nothing was found."""
        return self.right / self.predicted if self.predicted else 1.0

    @property
    def f2(self) -> float:
        """The F-measure that weighs recall four times as much as precision."""
        recall = self.recall()
        below = 4 * self.precision + recall
        return 5 * self.precision * recall / below if below else 0.0

    @property
    def over_redaction(self) -> float:
        """Share of the harmless letters and digits that were destroyed."""
        return self.destroyed / self.harmless if self.harmless else 0.0

    def _share(self, counts: Counter[str], kinds: Iterable[str] | None, neutral: bool) -> float:
        chosen = self.gold.keys() if kinds is None else kinds
        names = [kind for kind in chosen if neutral or kind not in NEUTRAL]
        total = sum(self.gold[kind] for kind in names)
        return sum(counts[kind] for kind in names) / total if total else 1.0

    def add(self, document: Document, found: Found) -> None:
        """Count one document."""
        text = document.text
        covered = bytearray(len(text))
        for start, end in found:
            covered[start:end] = b"\1" * (min(end, len(text)) - start)
        labelled = bytearray(len(text))
        private = bytearray(len(text))
        for span in document.gold:
            labelled[span.start : span.end] = b"\1" * (span.end - span.start)
            if span.kind not in NEUTRAL:
                private[span.start : span.end] = b"\1" * (span.end - span.start)
            share = coverage(text, covered, span)
            self.gold[span.kind] += 1
            self.full[span.kind] += share == 1.0
            self.half[span.kind] += share >= 0.5
        for start, end in found:
            if not _telling(text, start, end):
                continue
            if any(private[start:end]):
                self.right += 1
            elif any(labelled[start:end]):
                continue  # neither right nor wrong
            self.predicted += 1
        for position, character in enumerate(text):
            if not labelled[position] and character.isalnum():
                self.harmless += 1
                self.destroyed += covered[position]
        self.characters += len(text)


def score(documents: Sequence[Document], found: Sequence[Found]) -> Score:
    """The score of a detector over a set."""
    total = Score()
    for document, spans in zip(documents, found, strict=True):
        total.add(document, spans)
    return total


def coverage(text: str, covered: bytearray, span: Gold) -> float:
    """Share of the span's letters and digits that are covered."""
    places = [place for place in range(span.start, span.end) if text[place].isalnum()]
    return sum(covered[place] for place in places) / len(places) if places else 1.0


def _telling(text: str, start: int, end: int) -> bool:
    return any(character.isalnum() for character in text[start:end])
