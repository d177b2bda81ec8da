"""Walks free content: any JSON value in which an agent or a user can have put anything.

The walk knows where the leaves are and what the keys above them say; a visitor decides what becomes of each leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from whetstone.privacy.detectors.geo import plausible_pair
from whetstone.privacy.structure import streams
from whetstone.privacy.structure.edits import Edit, Rewrite, across, apply
from whetstone.privacy.structure.json_text import (
    Leaf,
    WrittenFloat,
    WrittenInt,
    has_coordinate_digits,
    literal_edits,
    parse,
)
from whetstone.privacy.structure.keys import KeyRule, rule_for

MAX_DEPTH = 100
_GEO_NUMBERS = (2, 3)  # latitude and longitude, perhaps an altitude
_MIN_KEY_LENGTH = 4


class TooDeepError(Exception):
    """A document nested deeper than anything that is written on purpose."""


class Visitor(Protocol):
    """Decides what becomes of the leaves; `rule` is that of the key a leaf stands under."""

    def text(self, text: str, rule: KeyRule | None) -> Sequence[Edit]:
        """Disjoint, ordered edits of a string."""

    def whole(self, value: Any) -> None:
        """Told of an object or array when its leaves were visited."""

    def number(self, number: int | float, rule: KeyRule | None) -> Edit | None:
        """The edit that replaces a number as a whole (its offsets do not count), or None."""


class Walker:
    """Builds a copy of a value with the visitor's edits carried out; the value itself is never changed."""

    def __init__(self, visitor: Visitor, book: Callable[[Sequence[Edit]], None] = lambda _: None) -> None:
        """`book` is told of all edits that were carried out."""
        self._visitor = visitor
        self.book = book

    def value(self, value: Any, rule: KeyRule | None = None, key: str = "", depth: int = 0) -> Any:
        """The copy of any JSON value that stands under `key`. Raises TooDeepError, and TypeError for what is not JSON."""
        if isinstance(value, str):
            return self._string(value, rule)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, rule)
        if depth >= MAX_DEPTH:
            raise TooDeepError
        copy: dict[str, Any] | list[Any]
        if isinstance(value, dict):
            copy = self._object(value, rule, key, depth + 1)
        elif isinstance(value, list | tuple):
            copy = self._array(value, rule, key, depth + 1)
        else:
            msg = f"a trajectory document holds JSON values only, not {type(value).__name__}"
            raise TypeError(msg)
        if depth == 0:
            self._done(value)
        return copy

    def _done(self, value: Any) -> None:
        """A whole object or array was walked."""
        self._visitor.whole(value)

    def key(self, key: str, taken: dict[str, Any]) -> str:
        """The copy of an object's key, unlike those that are taken."""
        edits = self._visitor.text(key, None) if len(key) >= _MIN_KEY_LENGTH else ()
        if not edits:
            return key if key not in taken else _free(key, taken)
        copy = _free(apply(key, edits), taken)
        self._replaced_key(key, copy, edits)
        return copy

    def _string(self, text: str, rule: KeyRule | None) -> str:
        if isinstance(text, Leaf) and text.glued:
            rewrite = Rewrite(text)
            rewrite.apply(text.glued)
            rewrite.apply(self._visitor.text(rewrite.text, rule))
            return self.replaced(text, rewrite.edits)
        return self.replaced(text, self._visitor.text(text, rule))

    def _number(self, number: int | float, rule: KeyRule | None) -> int | float | str:
        edit = self._visitor.number(number, rule)
        return number if edit is None else self._replaced_number(number, edit)

    def _object(self, members: dict[Any, Any], rule: KeyRule | None, key: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        named = _rule_of_named_value(members)
        for name, value in members.items():
            if not isinstance(name, str):
                raise TypeError("keys of a trajectory document are strings")
            own = rule_for(name, key, members)
            if own is None and name == "value":
                own = named or (rule if rule is not None and rule.holds_value else None)
            own = own or _bare_long(name, members)
            copy = self.value(value, own, name, depth)
            result[self.key(name, result)] = copy
        return result

    def _array(self, items: Sequence[Any], rule: KeyRule | None, key: str, depth: int) -> list[Any]:
        if rule is None and _is_place(items):
            rule = rule_for("latitude")
        for run in streams.runs(items):
            items = self._glued(items, run)
        return [self.value(item, rule, key, depth) for item in items]

    def _glued(self, items: Sequence[Any], run: Sequence[streams.Path]) -> Sequence[Any]:
        """The items, with a note at the pieces of a streamed text of what was found across their borders."""
        pieces = [streams.piece(items, path) for path in run]
        crossing = across(pieces, self._visitor.text("".join(pieces), None))
        for path, piece, edits in zip(run, pieces, crossing, strict=True):
            if edits:
                leaf = piece if isinstance(piece, Leaf) else Leaf.at(piece, -1, -1)
                leaf.glued = edits
                items = _with(items, path, leaf)
        return items

    def replaced(self, text: str, edits: Sequence[Edit]) -> str:
        """A leaf with edits carried out and booked."""
        if not edits:
            return text
        self.book(edits)
        return self.rewritten(text, edits)

    def rewritten(self, text: str, edits: Sequence[Edit]) -> str:
        """A leaf with edits carried out."""
        return apply(text, edits)

    def _replaced_number(self, number: int | float, edit: Edit) -> str:  # noqa: ARG002 - where it stands counts in JSON text
        self.book((edit,))
        return edit.replacement

    def _replaced_key(self, key: str, copy: str, edits: Sequence[Edit]) -> None:  # noqa: ARG002 - likewise
        self.book(edits)


class JsonWalker(Walker):
    """Walks the JSON document that a string holds, and collects the edits of that string."""

    def __init__(
        self, text: str, visitor: Visitor, book: Callable[[Sequence[Edit]], None] = lambda _: None
    ) -> None:
        super().__init__(visitor, book)
        self._text = text
        self._edits: list[Edit] = []

    def _done(self, value: Any) -> None:
        """The text that holds it is known to the visitor."""

    def found(self) -> list[Edit]:
        """The edits of the text so far, in its order."""
        return sorted(self._edits)

    def rewritten(self, text: str, edits: Sequence[Edit]) -> str:
        """A leaf with edits carried out, also in the text that holds its literal."""
        if isinstance(text, Leaf):
            self._edits += literal_edits(self._text, text, edits)
        return apply(text, edits)

    def _replaced_number(self, number: int | float, edit: Edit) -> str:
        if isinstance(number, WrittenFloat | WrittenInt):
            literal = f'"{edit.replacement}"'
            self._edits.append(edit._replace(start=number.start, end=number.end, replacement=literal))
        return super()._replaced_number(number, edit)

    def _replaced_key(self, key: str, copy: str, edits: Sequence[Edit]) -> None:
        if isinstance(key, Leaf):
            whole = edits[0]._replace(start=0, end=len(key), replacement=copy)
            self._edits += literal_edits(self._text, key, [whole])
        super()._replaced_key(key, copy, edits)


def json_edits(text: str, visitor: Visitor) -> list[Edit] | None:
    """Edits of a text that is JSON, or holds a JSON document on each of several lines; None for any other text.

    What is JSON stays JSON; what stands between the documents is visited as text.
    """
    document = parse(text)
    lines = [streams.Line(0, len(text), document)] if document is not None else streams.documents(text)
    if not lines:
        return None
    walker = JsonWalker(text, visitor)
    try:
        walker.value(document if document is not None else [line.value for line in lines])
    except TooDeepError:
        return None
    return (
        walker.found() if document is not None else sorted([*walker.found(), *_between(text, lines, visitor)])
    )


def _between(text: str, lines: Sequence[streams.Line], visitor: Visitor) -> Iterator[Edit]:
    """Edits of what stands around documents."""
    starts = [0, *(line.end for line in lines)]
    ends = [*(line.start for line in lines), len(text)]
    for start, end in zip(starts, ends, strict=True):
        for edit in visitor.text(text[start:end], None):
            yield edit._replace(start=edit.start + start, end=edit.end + start)


def _free(key: str, taken: dict[str, Any]) -> str:
    """The key, with a number if a redacted one would take the place of another."""
    if key not in taken:
        return key
    number = 2
    while f"{key}_{number}" in taken:
        number += 1
    return f"{key}_{number}"


def _with(items: Any, path: Sequence[Any], leaf: Leaf) -> Any:
    """A copy of the containers along a path, with another leaf at its end."""
    if not path:
        return leaf
    step, rest = path[0], path[1:]
    if isinstance(items, dict):
        return {**items, step: _with(items[step], rest, leaf)}
    return [*items[:step], _with(items[step], rest, leaf), *items[step + 1 :]]


def _is_place(items: Sequence[Any]) -> bool:
    """Whether an array is a GeoJSON-like position: two or three numbers, the first two with decimals, in range."""
    if len(items) not in _GEO_NUMBERS or not all(isinstance(item, int | float) for item in items):
        return False
    pair = items[:2]
    if not all(isinstance(number, float) and has_coordinate_digits(number) for number in pair):
        return False
    return plausible_pair(pair[0], pair[1])


def _rule_of_named_value(members: dict[Any, Any]) -> KeyRule | None:
    """Members such as `{"name": "Authorization", "value": "…"}`: headers, form fields, variables."""
    if "value" not in members:
        return None
    names = (members.get(key) for key in ("name", "key", "header", "field", "type", "system"))
    rules = (rule_for(name) for name in names if isinstance(name, str))
    return next((rule for rule in rules if rule is not None), None)


def _bare_long(key: str, members: dict[Any, Any]) -> KeyRule | None:
    """`long` is a coordinate only next to a latitude."""
    if key.lower() == "long" and any(str(other).lower() in ("lat", "latitude") for other in members):
        return rule_for("longitude")
    return None
