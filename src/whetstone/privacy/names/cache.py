"""Remembers what the models found in a piece of text: in memory, and in a file that outlives the process.

Only hashes, offsets and kinds are kept, never text. The file is a cache: when it cannot be read it is made anew,
and when it cannot be written the tier works without it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson
import structlog

from whetstone.privacy.names.entity import Found

_log = structlog.get_logger(__name__)

_MAX_MEMORY: Final = 65_536
_MAX_ROWS: Final = 1_000_000
_BATCH: Final = 500
_BUSY_SECONDS: Final = 5.0
_NOTHING: Final = b"[]"


class NameCache:
    """Findings by piece of text. Thread-safe, and safe with several processes on one file.

    `version` stands for the models and rules that made the findings; those of another version are not seen.
    """

    def __init__(self, path: Path | None, version: str) -> None:
        self._path = path
        self._salt = hashlib.blake2b(version.encode(), digest_size=16).digest()
        self._memory: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def key(self, text: str) -> bytes:
        """The hash under which the findings in a text are kept."""
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16).digest()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, list[Found]]:
        """What is known, by key."""
        with self._lock:
            known: dict[bytes, bytes] = {}
            unknown: list[bytes] = []
            for key in keys:
                value = self._memory.get(key)
                if value is None:
                    unknown.append(key)
                else:
                    self._memory.move_to_end(key)
                    known[key] = value
            stored = self._read(unknown)
            self._remember(stored)
        return {key: _decode(value) for key, value in (known | stored).items()}

    def put(self, findings: Mapping[bytes, Sequence[Found]]) -> None:
        """Keep findings."""
        values = {key: orjson.dumps([list(item) for item in found]) for key, found in findings.items()}
        with self._lock:
            self._remember(values)
            self._write(values)

    def close(self) -> None:
        """Close the file. The cache opens it again when it is used."""
        with self._lock:
            self._disconnect()

    def _remember(self, values: Mapping[bytes, bytes]) -> None:
        for key, value in values.items():
            self._memory[key] = _NOTHING if value == _NOTHING else value
            self._memory.move_to_end(key)
        while len(self._memory) > _MAX_MEMORY:
            self._memory.popitem(last=False)

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        rows: dict[bytes, bytes] = {}
        try:
            connection = self._connect()
            for start in range(0, len(keys) if connection else 0, _BATCH):
                batch = keys[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                query = f"SELECT key, found FROM findings WHERE key IN ({marks})"  # noqa: S608 - only marks
                rows.update(connection.execute(query, batch).fetchall() if connection else [])
        except sqlite3.DatabaseError as error:
            self._recover(error)
        return {key: value for key, value in rows.items() if _is_sound(value)}

    def _write(self, values: Mapping[bytes, bytes]) -> None:
        try:
            connection = self._connect()
            if connection is None or not values:
                return
            with connection:
                connection.executemany("INSERT OR IGNORE INTO findings VALUES (?, ?)", values.items())
                last = connection.execute("SELECT max(rowid) FROM findings").fetchone()[0]
                connection.execute("DELETE FROM findings WHERE rowid <= ?", (last - _MAX_ROWS,))
        except sqlite3.DatabaseError as error:
            self._recover(error)

    def _connect(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path is not None:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise sqlite3.OperationalError(f"no folder for it: {error.strerror}") from error
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, check_same_thread=False, cached_statements=16
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS findings (key BLOB NOT NULL UNIQUE, found BLOB NOT NULL)"
            )
        return self._connection

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Drops a file that is no database; does without the file when it is locked or cannot be written."""
        self._disconnect()
        if self._path is None:
            return
        if isinstance(error, sqlite3.OperationalError):
            _log.warning("the cache of the names tier cannot be used", error=str(error))
            self._path = None
            return
        _log.warning("the cache of the names tier is damaged and made anew", error=str(error))
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _decode(value: bytes) -> list[Found]:
    return [Found(*item) for item in orjson.loads(value)]


def _is_sound(value: object) -> bool:
    if not isinstance(value, bytes):
        return False
    try:
        _decode(value)
    except (TypeError, orjson.JSONDecodeError):
        return False
    return True
