"""Bodies of JSON lines: how they are recognised, and cut into lines while they arrive."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import Scope

from whetstone.api.edge.asgi import text_header

JSON_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def has_json_lines(scope: Scope) -> bool:
    """Whether the request says that its body is JSON lines."""
    media_type = (text_header(scope, b"content-type") or "").partition(";")[0]
    return media_type.strip().lower() in JSON_LINES


class LineCutter:
    """Cuts a body into `(number, line)`; of a line over `limit` bytes, None comes in place of its text.

    Blank lines are counted and left out. In memory is never more than one line.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The lines that end in `chunk`."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        for part in others:
            yield from self.finish()
            self._extend(part)

    def finish(self) -> Iterator[tuple[int, bytes | None]]:
        """The line that has been begun."""
        self._number += 1
        line = b"".join(self._begun) if self._size <= self._limit else None
        self._begun, self._size = [], 0
        if line is not None and self._number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line is None or line.strip():
            yield self._number, line

    def _extend(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._begun.append(part)
        else:
            self._begun.clear()
