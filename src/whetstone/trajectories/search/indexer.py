"""The process of the index: `python -m whetstone.trajectories.search.indexer`.

A line of JSON on its standard input says what to index: `{"main", "file"}` on SQLite, `{"url"}` on PostgreSQL. It
ends when there was nothing to do for a while, and at once when its input ends, as it does with its parent. A round
that is cut off leaves the index as it was before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

from whetstone.trajectories.search.sqlite_index import SqliteIndexer

CORRUPT = 3
"""Exit status: the file of the index is damaged."""

_IDLE_SECONDS = 30
_POLL_SECONDS = 0.1
_MERGE_AFTER_SECONDS = 2
# SQLITE_ERROR is what a table says that is not there or not what it should be.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_STDIN = 0


def main() -> int:
    """Index until nothing is left; the exit status."""
    wanted = json.loads(_read_line())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "url" in wanted:
        asyncio.run(_index_postgresql(wanted["url"]))
        return 0
    try:
        _index_sqlite(Path(wanted["main"]), Path(wanted["file"]))
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _DAMAGED:
            return CORRUPT
        raise
    return 0


def _read_line() -> bytes:
    # Past Python's own buffer, whose lock a waiting thread would hold when the interpreter ends.
    line = b""
    while not line.endswith(b"\n") and (more := os.read(_STDIN, 65_536)):
        line += more
    return line


def _end_with_parent() -> None:
    while os.read(_STDIN, 65_536):
        pass
    os._exit(0)


def _index_sqlite(main: Path, file: Path) -> None:
    with contextlib.closing(SqliteIndexer(main, file)) as indexer:
        worked = time.monotonic()
        merging = False
        while (idle := time.monotonic() - worked) < _IDLE_SECONDS:
            started = time.monotonic()
            if indexer.round():
                worked, merging = time.monotonic(), True
                idle = 0
            if merging and idle > _MERGE_AFTER_SECONDS:
                merging = indexer.merge()
            else:
                time.sleep(max(0.0, _POLL_SECONDS - (time.monotonic() - started)))


async def _index_postgresql(url: str) -> None:
    from whetstone.trajectories.search.postgresql_index import PostgresqlIndexer

    async with contextlib.AsyncExitStack() as stack:
        indexer = await PostgresqlIndexer.open(url, stack)
        worked = time.monotonic()
        while time.monotonic() - worked < _IDLE_SECONDS:
            started = time.monotonic()
            if await indexer.round():
                worked = time.monotonic()
            await asyncio.sleep(max(0.0, _POLL_SECONDS - (time.monotonic() - started)))


if __name__ == "__main__":
    sys.exit(main())
