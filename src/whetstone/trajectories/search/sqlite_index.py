"""The index on SQLite: full-text search (FTS5) in a file of its own, written by one process, read by all.

It holds what https://www.sqlite.org/fts5.html calls a contentless table: the tokens only. To replace a document
its old tokens are needed, so they are kept too, compressed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import zstandard

from whetstone.trajectories.search.documents import SharedTexts, documents, first_light, queries, shared_query
from whetstone.trajectories.search.terms import CHUNK, IDENTIFIERS, Terms, chunks, terms_of
from whetstone.trajectories.search.tokens import MAX_TOKEN, SEPARATOR, indexed
from whetstone.trajectories.search.version import (
    MAX_CHARACTERS,
    MAX_TRAJECTORIES,
    SLICE_CALLS,
    SLICE_TRAJECTORIES,
    VERSION,
)

# All of ASCII but the separator belongs to tokens.
_TOKEN_CHARACTERS = "".join(chr(code) for code in range(1, 128) if chr(code) != SEPARATOR)
_TOKENIZER = "ascii tokenchars '" + _TOKEN_CHARACTERS.replace("'", "''") + "'"
_SCHEMA = (
    "CREATE VIRTUAL TABLE documents USING fts5(tokens, content = '', tokenize = \"{}\")".format(
        _TOKENIZER.replace('"', '""')
    ),
    "CREATE TABLE bodies (trajectory_key INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE terms (key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, size INTEGER NOT NULL, terms TEXT NOT NULL)",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # Terms wait in memory for the end of a round, and a level is merged when it has many segments: fewer rewrites.
    "INSERT INTO documents (documents, rank) VALUES ('hashsize', 16777216)",
    "INSERT INTO documents (documents, rank) VALUES ('automerge', 8)",
    "INSERT INTO documents (documents, rank) VALUES ('crisismerge', 24)",
    "INSERT INTO documents (documents, rank) VALUES ('pgsz', 8000)",
    "INSERT INTO state VALUES ('version', 'building'), ('watermark', 0)",
)
_MERGE_PAGES = 500
_BUSY_SECONDS = 30


def create(file: Path) -> None:
    """Throw away whatever is there and make an empty index, which is still to be filled."""
    for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        path.unlink(missing_ok=True)
    with contextlib.closing(_connect(file)) as connection:
        connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")


def version(file: Path) -> str | None:
    """The version of an index; None where there is none that can be read."""
    if not file.exists() or file.stat().st_size == 0:
        return None
    try:
        with contextlib.closing(_connect(file)) as connection:
            return str(_state(connection, "version"))
    except (sqlite3.Error, TypeError):
        return None


def begin(file: Path, watermark: int) -> None:
    """Declare an index made by `create` to be kept from `watermark` on."""
    with contextlib.closing(_connect(file)) as connection, _transaction(connection):
        connection.execute("UPDATE state SET value = ? WHERE name = 'watermark'", (watermark,))
        connection.execute("UPDATE state SET value = ? WHERE name = 'version'", (VERSION,))


class SqliteIndexer:
    """Catches up with the queue of the database in the file `main`. Raises sqlite3.DatabaseError."""

    def __init__(self, main: Path, file: Path) -> None:
        self._main = sqlite3.connect(
            f"file:{quote(str(main.absolute()))}?mode=ro",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        self._index = _connect(file)
        self._queries = queries("sqlite")
        self._shared = SharedTexts()
        self._packed, self._unpacked = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
        self._terms = Terms()
        self._remember_terms()

    def close(self) -> None:
        """Close both files."""
        self._main.close()
        self._index.close()

    def pending(self) -> bool:
        """Whether anything waits."""
        watermark = _state(self._index, "watermark")
        newest = self._main.execute("SELECT max(key) FROM search_queue").fetchone()[0]
        return newest is not None and newest > watermark

    def round(self) -> int:
        """Index some of what waits; how many trajectories that were, 0 where nothing waits."""
        if not self.pending():
            return 0
        with _transaction(self._index):
            if _state(self._index, "version") != VERSION:
                return 0
            watermark = _state(self._index, "watermark")
            # One snapshot for the queue and what it speaks of.
            self._main.execute("BEGIN")
            try:
                return self._catch_up(watermark)
            finally:
                self._main.execute("COMMIT")

    def merge(self) -> bool:
        """Merge a few segments of the full-text index, for faster reading; whether there may be more to do."""
        before = self._index.total_changes
        with _transaction(self._index):
            self._index.execute(
                "INSERT INTO documents (documents, rank) VALUES ('merge', ?)", (_MERGE_PAGES,)
            )
        return self._index.total_changes - before >= 2  # so FTS5 tells that it did something

    def _catch_up(self, watermark: int) -> int:
        entries = self._main.execute(
            "SELECT key, trajectory_key FROM search_queue WHERE key > ? ORDER BY key LIMIT ?",
            (watermark, MAX_TRAJECTORIES),
        ).fetchall()
        if self._main.execute("SELECT NOT EXISTS (SELECT 1 FROM trajectories)").fetchone()[0]:
            self._wipe()
            newest = self._main.execute("SELECT max(key) FROM search_queue").fetchone()[0]
            self._set_watermark(newest)
            return len(entries)
        last = {trajectory_key: key for key, trajectory_key in entries}
        keys = list(last)
        done, characters = 0, 0
        found: dict[int, str | None] = {}
        news: set[str] = set()
        while done < len(keys) and characters < MAX_CHARACTERS:
            part = self._slice(keys[done:])
            characters += self._read(part, found, news)
            done += len(part)
        self._replace(found)
        self._add_terms(news)
        self._shared.shrink()
        # Up to the first entry that was not done; a trajectory that is queued again later is done again then.
        rest = set(keys[done:])
        seen = watermark
        for key, trajectory_key in entries:
            if trajectory_key in rest:
                break
            seen = key
        self._set_watermark(seen)
        return done

    def _slice(self, keys: Sequence[int]) -> list[int]:
        """The first of `keys` that together do not have too many calls; at least one."""
        part = list(keys[:SLICE_TRAJECTORIES])
        counts = dict(
            self._main.execute(
                "SELECT key, llm_call_count FROM trajectories WHERE key IN (SELECT value FROM json_each(?))",
                (json.dumps(part),),
            )
        )
        return list(first_light(part, counts, SLICE_CALLS))

    def _read(self, keys: list[int], found: dict[int, str | None], news: set[str]) -> int:
        """Add the tokens of these trajectories to `found` (None: it is gone); how many characters they have."""
        array = json.dumps(keys)
        rows = {query.table: self._main.execute(query.sql, (array,)).fetchall() for query in self._queries}
        if missing := self._shared.missing(rows["llm_calls"]):
            self._shared.add(self._main.execute(shared_query("sqlite"), (json.dumps(missing),)))
        found.update(dict.fromkeys(keys))
        made = documents(keys, rows, self._shared)
        distinct = set(itertools.chain.from_iterable(made.values()))
        news.update(self._terms.new(distinct))
        has_long = max(map(len, distinct), default=0) > MAX_TOKEN
        characters = 0
        for key, tokens in made.items():
            found[key] = text = SEPARATOR.join(map(indexed, tokens) if has_long else tokens)
            characters += len(text)
        return characters

    def _replace(self, found: dict[int, str | None]) -> None:
        """Index these tokens in place of what was indexed of the trajectories before."""
        # In the order of keys: FTS5 starts a new segment whenever a key is lower than the one before.
        for key, text in sorted(found.items()):
            stored = self._index.execute(
                "SELECT body FROM bodies WHERE trajectory_key = ?", (key,)
            ).fetchone()
            if stored is not None:
                old = self._unpacked.decompress(stored[0]).decode()
                self._index.execute(
                    "INSERT INTO documents (documents, rowid, tokens) VALUES ('delete', ?, ?)", (key, old)
                )
            if text is not None:
                self._index.execute("INSERT INTO documents (rowid, tokens) VALUES (?, ?)", (key, text))
                body = self._packed.compress(text.encode())
                self._index.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?)", (key, body))
            elif stored is not None:
                self._index.execute("DELETE FROM bodies WHERE trajectory_key = ?", (key,))

    def _wipe(self) -> None:
        self._index.execute("INSERT INTO documents (documents) VALUES ('delete-all')")
        self._index.execute("DELETE FROM bodies")
        self._index.execute("DELETE FROM terms")
        self._terms = Terms()

    def _add_terms(self, news: set[str]) -> None:
        for kind, texts in chunks(news).items():
            first = texts[0]
            joined = self._index.execute(
                "UPDATE terms SET terms = terms || substr(?, 2), size = size + ? "
                "WHERE key = (SELECT max(key) FROM terms WHERE kind = ?) AND size + ? <= ?",
                (first, len(first), kind, len(first), CHUNK),
            ).rowcount
            self._index.executemany(
                "INSERT INTO terms (kind, size, terms) VALUES (?, ?, ?)",
                [(kind, len(text), text) for text in texts[joined:]],
            )

    def _remember_terms(self) -> None:
        """Begin with the words that were added last, so that they are not added again."""
        newest = self._index.execute(
            "SELECT terms FROM terms WHERE kind <> ? ORDER BY key DESC LIMIT 16", (IDENTIFIERS,)
        ).fetchall()
        for (text,) in reversed(newest):
            self._terms.new(terms_of(text))

    def _set_watermark(self, key: int) -> None:
        self._index.execute("UPDATE state SET value = ? WHERE name = 'watermark'", (key,))


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


def _state(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()[0]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
