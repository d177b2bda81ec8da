"""The records of a file: the lines of JSON lines, the elements of a JSON array, or JSON objects in a row."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ijson
import orjson

from whetstone.decompression import BrokenDataError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PARSED = 65_536  # bytes that the incremental parser takes at once
_UNREADABLE = (ijson.JSONError, UnicodeDecodeError, OverflowError, BrokenDataError, OSError)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One value of a file; `problem` says why there is none, `where` in which place (`line 7`, `record 7`)."""

    where: str
    value: Any = None
    problem: str | None = None


def records(stream: io.BufferedReader) -> Iterator[Record]:
    """The records of a JSON file, one at a time. What follows a place that cannot be read is lost only where
    the file has no lines."""
    if stream.peek(3)[:3] == _BYTE_ORDER_MARK:
        stream.read(3)
    head = stream.peek(1).lstrip()
    if head.startswith(b"["):
        return _parsed(stream, "item", multiple=False)
    if head.startswith(b"{") and _goes_on(head.partition(b"\n")):
        return _parsed(stream, "", multiple=True)
    return _lines(stream)


def _goes_on(first_line: tuple[bytes, bytes, bytes]) -> bool:
    """Whether an object is laid out over several lines."""
    line, line_feed, _ = first_line
    return bool(line_feed) and line.rstrip().endswith((b"{", b"[", b","))


def _lines(stream: io.BufferedReader) -> Iterator[Record]:
    number = 0
    try:
        for line in stream:
            number += 1
            if not line.strip():
                continue
            where = f"line {number}"
            try:
                yield Record(where, orjson.loads(line))
            except orjson.JSONDecodeError as error:
                yield Record(where, problem=f"not valid JSON ({error.msg} at column {error.colno})")
    except _UNREADABLE as error:
        yield Record(f"line {number + 1}", problem=_breaks_off(error))


def _parsed(stream: io.BufferedReader, prefix: str, *, multiple: bool) -> Iterator[Record]:
    number = 0
    try:
        for value in ijson.items(stream, prefix, use_float=True, multiple_values=multiple, buf_size=_PARSED):
            number += 1
            yield Record(f"record {number}", value)
    except _UNREADABLE as error:
        yield Record(f"record {number + 1}", problem=_breaks_off(error))


def _breaks_off(error: Exception) -> str:
    if isinstance(error, BrokenDataError):
        reason = f"the file {error}"
    elif isinstance(error, OSError):
        reason = error.strerror or "it cannot be read"
    else:
        reason = str(error).strip().partition("\n")[0].partition(":")[2].strip() or "not valid JSON"
    return f"nothing behind this place can be read: {reason}"
