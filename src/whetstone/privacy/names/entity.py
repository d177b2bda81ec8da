"""What models find, and what the rules of combination make of it."""

from __future__ import annotations

from typing import NamedTuple


class Entity(NamedTuple):
    """A stretch of text to which a model gave a label, and how sure it was of its surest token (0 to 1)."""

    start: int
    end: int
    label: str
    score: float


class Found(NamedTuple):
    """Private data of a kind at `text[start:end]`."""

    start: int
    end: int
    kind: str
