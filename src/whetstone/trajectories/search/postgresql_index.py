"""The index on PostgreSQL: tsvectors with a GIN index, in a schema of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import asyncpg

from whetstone.trajectories.search.documents import SharedTexts, documents, first_light, queries, shared_query
from whetstone.trajectories.search.terms import IDENTIFIERS, Terms, chunks, terms_of
from whetstone.trajectories.search.tsvector import tsvectors
from whetstone.trajectories.search.version import (
    MAX_CHARACTERS,
    MAX_TRAJECTORIES,
    SLICE_CALLS,
    SLICE_TRAJECTORIES,
    VERSION,
)

SCHEMA = (
    "DROP SCHEMA IF EXISTS search CASCADE",
    "CREATE SCHEMA search",
    """
    CREATE TABLE search.documents (
        key bigserial PRIMARY KEY, trajectory_key bigint NOT NULL, part integer NOT NULL, tokens tsvector NOT NULL
    )
    """,
    # Not compressed: phrases are compared with the stored positions.
    "ALTER TABLE search.documents ALTER COLUMN tokens SET STORAGE EXTERNAL",
    "CREATE INDEX documents_trajectory_key ON search.documents (trajectory_key)",
    "CREATE INDEX documents_tokens ON search.documents USING gin (tokens)",
    # Always by the GIN index: the planner thinks little of reading all documents, which are large and out of line.
    """
    CREATE FUNCTION search.find(query tsquery) RETURNS SETOF bigint LANGUAGE sql STABLE
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
    AS 'SELECT DISTINCT trajectory_key FROM search.documents WHERE tokens @@ query'
    """,
    """
    CREATE TABLE search.terms (
        key bigserial PRIMARY KEY, kind integer NOT NULL, size integer NOT NULL, terms text NOT NULL
    )
    """,
    "ALTER TABLE search.terms ALTER COLUMN terms SET STORAGE EXTERNAL",
    "CREATE INDEX terms_kind ON search.terms (kind, key)",
    "CREATE TABLE search.state (name text PRIMARY KEY, value text NOT NULL)",
)
"""Statements that make an empty index; it is complete with its version and generation in `state` and all trajectories
queued. The generation changes whenever the vocabulary is begun anew."""

LOCK = 0x5EA2C4
"""Advisory lock of whoever writes the index."""

_OPEN_CHUNK = 8192  # characters up to which a chunk of terms is added to, which writes it anew


class PostgresqlIndexer:
    """Catches up with the queue. Raises what asyncpg raises."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._queries = queries("postgresql")
        self._shared = SharedTexts()
        self._terms: Terms | None = None
        self._generation: str | None = None  # of the vocabulary that `_terms` is about

    @classmethod
    async def open(cls, url: str, stack: AsyncExitStack) -> Self:
        """An indexer with its own connection to `url`, which is closed with `stack`."""
        connection = await asyncpg.connect(url)
        stack.push_async_callback(connection.close)
        return cls(connection)

    async def pending(self) -> bool:
        """Whether anything waits."""
        return bool(await self._connection.fetchval("SELECT EXISTS (SELECT 1 FROM search_queue)"))

    async def round(self) -> int:
        """Index some of what waits; how many trajectories that were, 0 where nothing waits or another does it."""
        if not await self.pending():
            return 0
        if not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return 0
        try:
            # One snapshot for the queue and what it speaks of.
            async with self._connection.transaction(isolation="repeatable_read"):
                return await self._catch_up()
        except BaseException:
            self._terms = None  # what was new may not have been stored
            raise
        finally:
            await self._connection.execute("SELECT pg_advisory_unlock($1)", LOCK)

    async def _catch_up(self) -> int:
        fetch = self._connection.fetch
        if await self._connection.fetchval("SELECT to_regclass('search.state') IS NULL"):
            return 0
        state = {row["name"]: row["value"] for row in await fetch("SELECT name, value FROM search.state")}
        if state.get("version") != VERSION:
            return 0
        if state.get("generation") != self._generation:  # another process began the vocabulary anew
            self._terms, self._generation = None, state.get("generation")
        entries = await fetch(
            "SELECT key, trajectory_key FROM search_queue ORDER BY key LIMIT $1", MAX_TRAJECTORIES
        )
        if not await self._connection.fetchval("SELECT EXISTS (SELECT 1 FROM trajectories)"):
            return await self._wipe()
        if self._terms is None:
            await self._remember_terms()
        keys = list(dict.fromkeys(entry["trajectory_key"] for entry in entries))
        done, characters = 0, 0
        news: set[str] = set()
        while done < len(keys) and characters < MAX_CHARACTERS:
            part = await self._slice(keys[done:])
            characters += await self._replace(part, news)
            done += len(part)
        await self._add_terms(news)
        self._shared.shrink()
        covered = set(keys[:done])
        await self._connection.execute(
            "DELETE FROM search_queue WHERE key = ANY($1::bigint[])",
            [entry["key"] for entry in entries if entry["trajectory_key"] in covered],
        )
        return done

    async def _slice(self, keys: Sequence[int]) -> list[int]:
        """The first of `keys` that together do not have too many calls; at least one."""
        part = list(keys[:SLICE_TRAJECTORIES])
        rows = await self._connection.fetch(
            "SELECT key, llm_call_count FROM trajectories WHERE key = ANY($1::bigint[])", part
        )
        counts = {row["key"]: row["llm_call_count"] for row in rows}
        return list(first_light(part, counts, SLICE_CALLS))

    async def _replace(self, keys: list[int], news: set[str]) -> int:
        """Index these trajectories anew, or no more where they are gone; the characters of their tokens."""
        fetch = self._connection.fetch
        rows = {query.table: [tuple(row) for row in await fetch(query.sql, keys)] for query in self._queries}
        if missing := self._shared.missing(rows["llm_calls"]):
            self._shared.add(tuple(row) for row in await fetch(shared_query("postgresql"), missing))
        await self._connection.execute(
            "DELETE FROM search.documents WHERE trajectory_key = ANY($1::bigint[])", keys
        )
        owners, numbers, vectors = [], [], []
        characters = 0
        assert self._terms is not None  # noqa: S101
        for key, tokens in documents(keys, rows, self._shared).items():
            news.update(self._terms.new(tokens))
            for number, vector in enumerate(tsvectors(tokens)):
                owners.append(key)
                numbers.append(number)
                vectors.append(vector)
                characters += len(vector)
        await self._connection.execute(
            "INSERT INTO search.documents (trajectory_key, part, tokens) "
            "SELECT owner, number, CAST(vector AS tsvector) "
            "FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS row (owner, number, vector)",
            owners,
            numbers,
            vectors,
        )
        return characters

    async def _wipe(self) -> int:
        await self._connection.execute("DELETE FROM search.documents")
        await self._connection.execute("DELETE FROM search.terms")
        await self._connection.execute(
            "INSERT INTO search.state VALUES ('generation', CAST(txid_current() AS text)) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        status = await self._connection.execute("DELETE FROM search_queue")
        return int(status.split()[-1])

    async def _add_terms(self, news: set[str]) -> None:
        for kind, texts in chunks(news).items():
            first, rest = texts[0], texts
            status = await self._connection.execute(
                "UPDATE search.terms SET terms = terms || substr($1, 2), size = size + $2 "
                "WHERE key = (SELECT max(key) FROM search.terms WHERE kind = $3) AND size + $2 <= $4",
                first,
                len(first),
                kind,
                _OPEN_CHUNK,
            )
            if status == "UPDATE 1":
                rest = texts[1:]
            await self._connection.executemany(
                "INSERT INTO search.terms (kind, size, terms) VALUES ($1, $2, $3)",
                [(kind, len(text), text) for text in rest],
            )

    async def _remember_terms(self) -> None:
        """Begin with the words that were added last, so that they are not added again."""
        self._terms = Terms()
        newest = await self._connection.fetch(
            "SELECT terms FROM search.terms WHERE kind <> $1 ORDER BY key DESC LIMIT 128", IDENTIFIERS
        )
        for row in reversed(newest):
            self._terms.new(terms_of(row["terms"]))
