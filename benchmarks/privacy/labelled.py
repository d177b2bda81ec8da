"""Labelled documents, and the marks with which the generators write them.

A generator writes `mark(kind, value)` wherever private data stands, in plain strings and in the values of objects it
then dumps as JSON, even as JSON inside JSON; `labelled` takes the marks out again and knows the exact offsets. The
marks are private-use characters, which no serialiser escapes as long as it leaves non-ASCII characters alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_OPEN, _SEPARATE, _CLOSE, _NUMBER = "\ue000", "\ue001", "\ue002", "\ue003"
_TOKEN = re.compile(f"{_OPEN}([a-z0-9-]+){_SEPARATE}|{_CLOSE}")
_NUMBER_EDGE = re.compile(rf'\\*"{_NUMBER}|{_NUMBER}\\*"|{_NUMBER}')
_MARKUP = re.compile(r"\[\[([a-z0-9-]+):(.+?)\]\]", re.DOTALL)

NEUTRAL = frozenset(
    {"organization", "country", "nationality", "title", "age", "date", "url", "service", "place"}
)
"""Kinds that a filter may remove or leave: neither missed nor found wrongly."""


class Gold(NamedTuple):
    """Private data at [start, end), in characters."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text and everything private in it; `flavour` tells which generator wrote it."""

    text: str
    gold: tuple[Gold, ...] = field(default=())
    flavour: str = ""


def mark(kind: str, value: object) -> str:
    """`value` as private data of this kind."""
    return f"{_OPEN}{kind}{_SEPARATE}{value}{_CLOSE}"


def number(kind: str, value: object) -> str:
    """Like `mark`, for a value that is to be a number, without quotes, in JSON."""
    return f"{_NUMBER}{mark(kind, value)}{_NUMBER}"


def plain(marked: str) -> str:
    """The text without its marks."""
    return labelled(marked).text


def labelled(marked: str, flavour: str = "") -> Document:
    """The document that a text with marks stands for. Raises ValueError if marks are nested or not closed."""
    marked = _NUMBER_EDGE.sub("", marked)
    parts: list[str] = []
    gold: list[Gold] = []
    length = position = 0
    opened: tuple[int, str] | None = None
    for token in _TOKEN.finditer(marked):
        parts.append(marked[position : token.start()])
        length += token.start() - position
        position = token.end()
        if token[1]:
            if opened is not None:
                raise ValueError(f"nested mark of {token[1]}")
            opened = length, token[1]
        elif opened is None:
            raise ValueError("a mark is closed that was not opened")
        else:
            gold.append(Gold(opened[0], length, opened[1]))
            opened = None
    if opened is not None:
        raise ValueError(f"mark of {opened[1]} is not closed")
    parts.append(marked[position:])
    return Document("".join(parts), tuple(gold), flavour)


def from_markup(text: str, flavour: str = "") -> Document:
    """A hand-written document with marks like `[[person:Jane Doe]]`."""
    return labelled(_MARKUP.sub(lambda match: mark(match[1], match[2]), text), flavour)
