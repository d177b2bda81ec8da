"""Finds private data in plain text: the detectors, and the models for names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from whetstone.privacy.cache import SpanCache
from whetstone.privacy.detectors.detector import Detector
from whetstone.privacy.detectors.spans import Span
from whetstone.privacy.names.finder import NameFinder
from whetstone.privacy.replacement.placeholders import mask_placeholders

_BATCH_CHARACTERS: Final = 10_000


class TextScanner:
    """All that can be told from a text alone. Remembers what it found; not safe for concurrent use."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        names: NameFinder | None = None,
        allows: Callable[[str, str], bool] | None = None,
        disabled: Collection[str] = (),
    ) -> None:
        """`allows` is asked with a value and its kind; what is `disabled` (kinds) is not looked for."""
        self._detectors = tuple(detector for detector in detectors if detector.kind not in disabled)
        self._names = names
        self._allows = allows
        self._disabled = frozenset(disabled)
        self._cache = SpanCache()

    def prepare(self, texts: Iterable[str], go_on: Callable[[], None] = lambda: None) -> None:
        """Look for names in many texts at once, which is faster than one by one.

        `go_on` is called every second or two; it raises when nobody waits for the result any more.
        """
        if self._names is None:
            return
        unknown = (text for text in dict.fromkeys(texts) if self._cache.get(text) is None)
        for together in _batches(unknown):
            go_on()
            self._names.find(together)  # it remembers them

    def spans(self, text: str) -> tuple[Span, ...]:
        """Everything that was found, unsettled; what was replaced before is never found again."""
        found = self._cache.get(text)
        if found is None:
            found = self.look(text)
            self._cache.put(text, found)
        return found

    def look(self, text: str) -> tuple[Span, ...]:
        """The same without the memory."""
        masked = mask_placeholders(text)
        found = [span for detector in self._detectors for span in detector.find(masked)]
        if self._names is not None:
            found += self._names.find([masked])[0]
        return tuple(span for span in found if self._counts(span, masked))

    def drops(self, kind: str) -> bool:
        """Whether this kind is removed at all."""
        return kind not in self._disabled

    def allows(self, value: str, kind: str) -> bool:
        """Whether the operator named this value as harmless."""
        return self._allows is not None and self._allows(value, kind)

    def _counts(self, span: Span, text: str) -> bool:
        return span.kind not in self._disabled and not self.allows(text[span.start : span.end], span.kind)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in groups of about the same size."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
