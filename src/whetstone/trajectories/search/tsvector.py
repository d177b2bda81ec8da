"""Documents of PostgreSQL: a tsvector holds so many positions only, so a trajectory may need several.

Limits (https://www.postgresql.org/docs/current/textsearch-limitations.html): positions up to 16,383, 256 of them a
lexeme, a lexeme below 2 KiB, a tsvector below 1 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whetstone.trajectories.search.tokens import indexed

OVERLAP = 100
"""Tokens that a document repeats from the one before, so that no run of tokens is torn (`needles.MAX_RUN`)."""

_MAX_POSITION = 16_000
_MAX_POSITIONS = 250
_MAX_CHARACTERS = 150_000  # of lexemes: at most four bytes each


def tsvectors(tokens: Sequence[str]) -> Iterator[str]:
    """The documents of a trajectory with these tokens, as PostgreSQL writes the type `tsvector`."""
    start = 0
    while start < len(tokens):
        positions, end = _positions(tokens, start)
        yield " ".join(f"{lexeme(token)}:{','.join(map(str, places))}" for token, places in positions.items())
        start = end if end == len(tokens) else end - OVERLAP


def lexeme(token: str) -> str:
    """A token as it is written in a tsvector or a tsquery."""
    return "'" + indexed(token).replace("\\", "\\\\").replace("'", "''") + "'"


def _positions(tokens: Sequence[str], start: int) -> tuple[dict[str, list[int]], int]:
    """The positions of the tokens from `start` on as far as one document goes, and where it ends."""
    positions: dict[str, list[int]] = {}
    characters = 0
    end = min(len(tokens), start + _MAX_POSITION)
    for index in range(start, end):
        token = tokens[index]
        places = positions.get(token)
        if places is None:
            positions[token] = [index - start + 1]
            characters += len(token)
            if characters > _MAX_CHARACTERS and index - start > 2 * OVERLAP:
                return positions, index + 1
        else:
            places.append(index - start + 1)
            if len(places) == _MAX_POSITIONS:
                return positions, index + 1
    return positions, end
