"""Where filtered rows wait on disk while a dataset is built: appended once, read by position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import orjson

from whetstone.datasets.rows import Row
from whetstone.privacy.filtered import Filtered


class Place(NamedTuple):
    """Where a row lies in the spool, in bytes."""

    offset: int
    length: int


class Spool:
    """A temporary file of rows. Takes only rows that come out of the privacy filter; gone when closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b")
        self._end = 0

    def append(self, rows: Filtered[Sequence[Row]]) -> list[Place]:
        """Store rows; returns where each lies."""
        places = []
        self._file.seek(self._end)
        for row in rows.value:
            content = orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS)
            self._file.write(content)
            places.append(Place(self._end, len(content)))
            self._end += len(content)
        return places

    def read(self, place: Place) -> Row:
        """The row at a place."""
        self._file.seek(place.offset)
        row: Row = orjson.loads(self._file.read(place.length))
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
