"""JSON inside strings: read with the place of every leaf, so that edits leave all other characters as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

from whetstone.privacy.structure.edits import Edit

_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|-?\d[\d.eE+-]*+|[{}\[\]]|true|false|null")
# One character of a string literal as it is written.
_WRITTEN = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class Leaf(str):
    """A string of the document that knows where its literal stands, and what was found across it and its neighbours."""

    start: int
    end: int
    glued: Sequence[Edit]

    @classmethod
    def at(cls, value: str, start: int, end: int) -> Self:
        """The string of the literal `text[start:end]`, quotes included."""
        leaf = cls(value)
        leaf.start, leaf.end, leaf.glued = start, end, ()
        return leaf


class WrittenFloat(float):
    """A float that remembers how it was written; the digits decide whether it can be a coordinate."""

    start: int
    end: int
    written: str

    @classmethod
    def at(cls, written: str, start: int, end: int) -> Self:
        """The number that `text[start:end]` spells."""
        number = cls(written)
        number.written, number.start, number.end = written, start, end
        return number


class WrittenInt(int):
    """An integer that knows where it stands."""

    start: int
    end: int

    @classmethod
    def at(cls, written: str, start: int, end: int) -> Self:
        """The number that `text[start:end]` spells."""
        number = cls(written)
        number.start, number.end = start, end
        return number


def has_coordinate_digits(number: float) -> bool:
    """Whether a number has as many digits after the point as coordinates have.

    Two are enough in JSON text, as they are in any text (wire contract §11.2); in data, where a pair of numbers has no
    words around it and trailing zeros are lost, it takes three.
    """
    written = number.written if isinstance(number, WrittenFloat) else repr(number)
    digits = 0 if "e" in written.lower() else len(written.partition(".")[2])
    return digits >= (2 if isinstance(number, WrittenFloat) else 3)


def parse(text: str, offset: int = 0) -> Any | None:
    """The object or array that the string holds, its leaves located; None if it holds none.

    `offset` is where the string stands in the text that the places speak of.

    A document with a repeated key counts as plain text: one of the two values would be lost, and with it unseen.
    """
    first = text.lstrip()[:1]
    if first not in ("{", "[") or text.rstrip()[-1:] != ("}" if first == "{" else "]") or len(text) < 2:
        return None
    try:
        json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
        return _Reader(text, offset).read()
    except (ValueError, RecursionError):
        return None


def literal_edits(text: str, leaf: Leaf, edits: Sequence[Edit]) -> list[Edit]:
    """Edits of a leaf's value as edits of the JSON text around it."""
    if not edits:
        return []
    at = _offsets(text, leaf)
    plain = text.isascii()
    return [
        edit._replace(
            start=at[edit.start],
            end=at[edit.end],
            replacement=json.dumps(edit.replacement, ensure_ascii=plain)[1:-1],
        )
        for edit in edits
    ]


def _offsets(text: str, leaf: Leaf) -> Sequence[int]:
    """Where each character of the value stands in the text, and where the value ends."""
    start, end = leaf.start + 1, leaf.end - 1
    if end - start == len(leaf):
        return range(start, end + 1)
    return [*(match.start() for match in _WRITTEN.finditer(text, start, end)), end]


class _Reader:
    """Builds the document from the tokens of a text that is known to be JSON."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset

    def read(self) -> Any:
        """The document, its leaves located."""
        root: list[Any] = []
        stack: list[dict[str, Any] | list[Any]] = [root]
        key: str | None = None
        for match in _TOKEN.finditer(self._text):
            written = match[0]
            if written in "}]":
                stack.pop()
                continue
            holder = stack[-1]
            if written[0] == '"' and isinstance(holder, dict) and key is None:
                key = self._string(match)
                continue
            value = self._value(match)
            if isinstance(holder, list):
                holder.append(value)
            elif key is not None:
                holder[key] = value
            key = None
            if written in "{[":
                stack.append(value)
        return root[0]

    def _value(self, match: re.Match[str]) -> Any:
        written = match[0]
        if written[0] == '"':
            return self._string(match)
        if written in "{[":
            return {} if written == "{" else []
        if written in _CONSTANTS:
            return _CONSTANTS[written]
        kind = WrittenFloat if any(sign in written for sign in ".eE") else WrittenInt
        return kind.at(written, *self._place(match))

    def _string(self, match: re.Match[str]) -> Leaf:
        literal = match[0]
        return Leaf.at(json.loads(literal) if "\\" in literal else literal[1:-1], *self._place(match))

    def _place(self, match: re.Match[str]) -> tuple[int, int]:
        return match.start() + self._offset, match.end() + self._offset


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members = list(pairs)
    if len({key for key, _ in members}) != len(members):
        raise ValueError("repeated key")
    return {}


def _finite(written: str) -> float:
    value = float(written)
    if value in (float("inf"), float("-inf")):
        raise ValueError(written)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
