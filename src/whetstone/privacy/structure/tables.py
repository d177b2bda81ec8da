"""Tables and records in text: CSV, TSV, Markdown, what a database client prints, INSERT statements, `Field: value` lines.

What the header, or the name of the field, says of a value is what a key says of one in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.replacement.placeholders import NUMBERED
from whetstone.privacy.structure.keys import KeyRule, rule_for

_DELIMITERS: Final = "\t|;,"
_MIN_COLUMNS = 2
_MAX_COLUMNS = 64
_MAX_LINE = 4000
_HEADER_CELL: Final = re.compile(r"[^\W\d][\w .()/#-]{0,40}\Z")
_RULE_LINE: Final = re.compile(r"[\s|:+=-]{3,}\Z")
_LINE: Final = re.compile(r"[^\n]+")
_QUOTES: Final = "\"'`"
_FIELD: Final = {
    delimiter: re.compile(
        rf"(?:\s?\"(?:[^\"\n]|\"\")*+\"\s?(?={re.escape(delimiter)}|$)|[^{re.escape(delimiter)}\n]*+)"
    )
    for delimiter in _DELIMITERS
}
_INSERT: Final = re.compile(
    r"\binsert\s{1,4}into\s{1,4}(?P<table>[\w.\"`\[\]]{1,80})\s{0,4}\((?P<columns>[\w\s,\"`\[\]]{1,2000})\)\s{0,4}values\s{0,4}",
    re.IGNORECASE,
)
_TUPLE: Final = re.compile(r"\((?P<values>(?:'(?:[^'\\]|''|\\.)*+'|[^()'])*+)\)\s{0,4}(?P<more>,\s{0,4})?")
_VALUE: Final = re.compile(r"\s{0,8}[eEnN]?'(?:[^'\\]|''|\\.)*+'\s{0,8}|[^,']++")
_RECORD: Final = re.compile(
    r"^[ \t>]{0,12}(?:[-*•+]\s{1,3})?(?:\*\*|__)?(?P<key>[^\W\d][\w .()/-]{1,40}?)(?:\*\*|__)?[ \t]{0,4}:(?:\*\*|__)?[ \t]{1,4}"
    r"(?P<value>\S[^\n]{0,250})$",
    re.MULTILINE,
)
_PERSONAL: Final = frozenset((NUMBERED.keys() - {"person"}) | {"email", "phone", "address"})
_CODE: Final = re.compile(r"[({;=]|[,{\[]\s*$")
_MAX_SIBLINGS = 12
# A record's fields stand in neighbouring lines; so far apart they are two records.
_MAX_GAP = 300


class _Line(NamedTuple):
    start: int
    text: str


class _Cell(NamedTuple):
    start: int
    text: str


class TableDetector:
    """Values under the headers and field names that say what they are."""

    kind = "table"
    replacement = ""

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole values."""
        if "\n" in text:
            yield from _tables(text)
            yield from _records(text)
        if "nsert" in text or "NSERT" in text:
            yield from _inserts(text)


def _tables(text: str) -> Iterator[Span]:
    lines = [_Line(match.start(), match[0]) for match in _LINE.finditer(text)]
    number = 0
    while number < len(lines) - 1:
        header = _header(lines[number].text)
        number += 1
        if header is None:
            continue
        delimiter, columns = header
        rules = [rule_for(column, None, columns) if column else None for column in columns]
        while number < len(lines) and _follows(lines[number - 1], lines[number]):
            line = lines[number]
            if not _RULE_LINE.match(line.text):
                cells = _cells(line, delimiter)
                if len(cells) != len(columns):
                    break
                for cell, rule in zip(cells, rules, strict=True):
                    yield from _taken(cell, rule)
            number += 1


def _follows(line: _Line, following: _Line) -> bool:
    """Whether no empty line stands between two lines."""
    return following.start == line.start + len(line.text) + 1


def _header(line: str) -> tuple[str, list[str]] | None:
    """The delimiter and the columns of a line that can head a table with something private in it."""
    if len(line) > _MAX_LINE or not line[:80].strip(" |\t>\"'`"):
        return None
    for delimiter in _DELIMITERS:
        if delimiter not in line:
            continue
        columns = [cell.text.strip(_QUOTES) for cell in _cells(_Line(0, line), delimiter)]
        named = [column for column in columns if column]
        if not _MIN_COLUMNS <= len(named) <= _MAX_COLUMNS or not all(map(_HEADER_CELL.match, named)):
            continue
        if len({column.lower() for column in named}) == len(named) and any(
            rule_for(column, None, columns) for column in named
        ):
            return delimiter, columns
    return None


def _cells(line: _Line, delimiter: str) -> list[_Cell]:
    """The fields of a line without the blanks around them; the outer bars of a Markdown row are no fields."""
    if len(line.text) > _MAX_LINE:
        return []
    cells: list[_Cell] = []
    position = 0
    while position <= len(line.text):
        match = _FIELD[delimiter].match(line.text, position)
        if match is None:
            return []
        cells.append(_stripped(line.start + position, match[0]))
        position = match.end() + 1
    if delimiter == "|":
        cells = cells[1 if not cells[0].text else 0 : -1 if len(cells) > 1 and not cells[-1].text else None]
    return cells


def _stripped(start: int, text: str) -> _Cell:
    bare = text.lstrip()
    return _Cell(start + len(text) - len(bare), bare.rstrip())


def _inserts(text: str) -> Iterator[Span]:
    for match in _INSERT.finditer(text):
        columns = [column.strip(' \t\r\n"`[]') for column in match["columns"].split(",")]
        table = match["table"].strip('"`[]').rpartition(".")[2]
        rules = [rule_for(column, table, columns) for column in columns]
        if not any(rules):
            continue
        values = _TUPLE.match(text, match.end())
        while values is not None:
            start = values.start("values")
            cells = [
                _stripped(start + value.start(), value[0]) for value in _VALUE.finditer(values["values"])
            ]
            if len(cells) == len(columns):
                for cell, rule in zip(cells, rules, strict=True):
                    yield from _taken(cell, rule)
            values = _TUPLE.match(text, values.end()) if values["more"] else None


def _records(text: str) -> Iterator[Span]:
    """Values of neighbouring `Field: value` lines."""
    block: list[re.Match[str]] = []
    for match in _RECORD.finditer(text):
        if block and (match.start() - block[-1].end() > _MAX_GAP or len(block) >= _MAX_SIBLINGS):
            yield from _of_block(block)
            block = []
        block.append(match)
    yield from _of_block(block)


def _of_block(block: Sequence[re.Match[str]]) -> Iterator[Span]:
    if len(block) < _MIN_COLUMNS:
        return  # one line alone may be a sentence: "Address: the issue in the next release"
    keys = [match["key"] for match in block]
    for match in block:
        rule = rule_for(match["key"], None, keys)
        # Secrets are the work of assignments, which know code and settings from values.
        if rule is not None and (rule.names or rule.kind in _PERSONAL) and not _CODE.search(match["value"]):
            yield from _taken(_stripped(match.start("value"), match["value"]), rule)


def _taken(cell: _Cell, rule: KeyRule | None) -> Iterator[Span]:
    if rule is None or rule.kind == "geo":
        return  # a lone coordinate is found by its label
    value = cell.text
    start = cell.start
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        value, start = value[1:-1], start + 1
    if rule.kind == "email" and "@" not in value:
        return  # a line of prose may have as many commas as the one before it
    if value and "\n" not in value and rule.accepts(value):
        order = Order.PERSON if rule.names else Order.ASSIGNMENT
        yield Span(start, start + len(value), rule.kind, rule.replacement, order, 2, Tier.STRUCTURE)
