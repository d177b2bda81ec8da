"""The limit: the same rows by `executemany` into one SQLite table, without a server, an index for search or a merge."""

from __future__ import annotations

import itertools
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.store.traffic import Traffic

_COLUMNS = 17
_ROWS = 5_000


def rows_per_second(folder: Path, calls: int) -> float:
    """Rows a second, page size 16 KiB, WAL, synchronous=NORMAL, 5,000 rows a transaction; making them not counted."""
    path = folder / "raw.db"
    path.unlink(missing_ok=True)
    rows = (
        (
            None, trajectory.id, call.id, call.timestamp, call.model, call.purpose, "runtime.useModel", "action",
            "[]", call.system, call.prompt, call.response, 0.7, 512, call.latency_ms, call.prompt_tokens,
            call.completion_tokens,
        )
        for trajectory in Traffic().trajectories(calls)
        for call in trajectory.calls
    )  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("page_size = 16384", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        names = ", ".join(f"c{number}" for number in range(1, _COLUMNS))
        connection.execute(f"CREATE TABLE calls (key INTEGER PRIMARY KEY, {names})")
        connection.execute("CREATE INDEX by_trajectory ON calls (c1, c2)")
        seconds = 0.0
        statement = f"INSERT INTO calls VALUES ({', '.join('?' * _COLUMNS)})"  # noqa: S608
        while batch := list(itertools.islice(rows, _ROWS)):
            started = time.perf_counter()
            connection.execute("BEGIN")
            connection.executemany(statement, batch)
            connection.execute("COMMIT")
            seconds += time.perf_counter() - started
    path.unlink()
    return calls / seconds
