"""Private data in a file of any text format, with its place in lines and columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from whetstone.privacy.gate import PrivacyGate

_PIECE = 2_000_000  # characters looked at together, names and all; a longer text is cut between lines
_LINES = frozenset([".jsonl", ".ndjson"])


class Hit(NamedTuple):
    """Something private; lines and columns count from 1, `start` and `end` from 0, all in characters of the file."""

    line: int
    column: int
    start: int
    end: int
    kind: str
    tier: str
    replacement: str


class ScannedFile(NamedTuple):
    """The filtered text and what was replaced in it."""

    text: str
    hits: tuple[Hit, ...]


def scan_text(gate: PrivacyGate, text: str, name: str) -> ScannedFile:
    """Look through a whole file. JSON is read as JSON, JSON lines (`.jsonl`, `.ndjson`) line by line.

    A very long plain text is looked at in pieces that end between lines, so that memory stays small.
    """
    lines = name.lower().endswith(tuple(_LINES))
    starts = [0, *(position + 1 for position, letter in enumerate(text) if letter == "\n")]
    parts: list[str] = []
    hits: list[Hit] = []
    for start, piece in _pieces(text, lines=lines):
        found = gate.preview_text(piece)
        parts.append(found.text)
        for span in found.spans:
            at = start + span.start
            line = bisect_right(starts, at)
            column = at - starts[line - 1] + 1
            hits.append(Hit(line, column, at, start + span.end, span.kind, str(span.tier), span.replacement))
    return ScannedFile("".join(parts), tuple(hits))


def _pieces(text: str, *, lines: bool) -> Iterator[tuple[int, str]]:
    """Where each piece begins, and the piece."""
    if text.lstrip()[:1] in ("{", "[") and not lines:
        yield 0, text  # perhaps one JSON document
        return
    start = 0
    while start < len(text):
        end = start if lines else min(start + _PIECE, len(text))
        if end < len(text):
            end = text.find("\n", end) + 1 or len(text)
        yield start, text[start:end]
        start = end
