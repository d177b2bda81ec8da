"""Replacements inside one text, and their composition over several rounds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from whetstone.privacy.detectors.spans import Tier


class Edit(NamedTuple):
    """`text[start:end]` becomes `replacement`; `kind` and `tier` say what was found there and how."""

    start: int
    end: int
    replacement: str
    kind: str
    tier: Tier


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with disjoint edits in text order carried out."""
    if not edits:
        return text
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += (text[position : edit.start], edit.replacement)
        position = edit.end
    parts.append(text[position:])
    return "".join(parts)


def across(pieces: Sequence[str], edits: Iterable[Edit]) -> list[list[Edit]]:
    """For each piece of a text, its part of those edits of the joined text that reach over a border.

    The replacement goes into the piece in which an edit begins; the pieces behind it only lose their part.
    """
    ends = list(accumulate(map(len, pieces)))
    parts: list[list[Edit]] = [[] for _ in pieces]
    for edit in edits:
        first, last = bisect_right(ends, edit.start), bisect_left(ends, edit.end)
        if first >= last:
            continue
        for number in range(first, last + 1):
            offset = ends[number] - len(pieces[number])
            start, end = max(edit.start - offset, 0), min(edit.end - offset, len(pieces[number]))
            if end > start:
                text = edit.replacement if number == first else ""
                parts[number].append(edit._replace(start=start, end=end, replacement=text))
    return parts


class Rewrite:
    """A text that is edited round after round; `edits` always speak of the original."""

    def __init__(self, text: str) -> None:
        self._original = text
        self.text = text
        """What the text is by now."""
        self.edits: list[Edit] = []
        """Disjoint and in order, with the offsets of the original text."""

    def apply(self, edits: Sequence[Edit]) -> None:
        """Carry out disjoint, ordered edits of the text as it is now."""
        self.edits = self._composed(edits) if self.edits else list(edits)
        self.text = apply(self._original, self.edits)

    def _composed(self, later: Sequence[Edit]) -> list[Edit]:
        """The earlier edits as far as they still stand, and the later ones, all by original offsets."""
        composed: list[Edit] = []
        pieces = _Pieces(self.edits)
        for edit in later:
            composed += pieces.until(edit.start)
            start = pieces.origin
            for _ in pieces.until(edit.end):
                pass  # what an earlier round put here is replaced in turn
            composed.append(edit._replace(start=start, end=pieces.origin))
        composed += pieces.rest()
        return composed


class _Pieces:
    """Reads edits by the offsets of the text that they led to."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._ahead = deque(edits)
        self._position = 0
        self.origin = 0
        """The original offset of what was read so far."""

    def until(self, position: int) -> list[Edit]:
        """The edits up to a position; one that reaches over it is cut, and its end stays ahead."""
        passed: list[Edit] = []
        while self._ahead:
            edit = self._ahead[0]
            start = self._position + edit.start - self.origin
            if start >= position:
                break
            inside = edit.replacement[: position - start]
            rest = edit.replacement[position - start :]
            passed.append(edit._replace(replacement=inside))
            self._position, self.origin = start + len(inside), edit.end
            if not rest:
                self._ahead.popleft()
                continue
            self._ahead[0] = edit._replace(start=edit.end, replacement=rest)
            return passed
        self.origin += position - self._position
        self._position = position
        return passed

    def rest(self) -> list[Edit]:
        """What is still ahead."""
        return list(self._ahead)
