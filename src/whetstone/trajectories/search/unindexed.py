"""Searching trajectories that are not indexed yet by what the index would say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.bulk import slices
from whetstone.db.engine import Dialect
from whetstone.trajectories.search.documents import SharedTexts, documents, joined, queries, shared_query
from whetstone.trajectories.search.needles import Run, Term, runs_of
from whetstone.trajectories.search.query import SearchQuery
from whetstone.trajectories.search.scan import forms_of, matches
from whetstone.trajectories.tables import trajectories

_TRAJECTORIES = 32  # documents in memory at a time


async def keys_of(connection: AsyncConnection, query: Select[Any]) -> list[int]:
    """The keys that a query finds."""
    return list((await connection.execute(query)).scalars())


async def query_matches(
    connection: AsyncConnection, database: Database, query: SearchQuery, among: Select[tuple[int]] | None
) -> list[int]:
    """The keys of the trajectories (of those `among`) that match, by their texts as they are stored."""
    dialect = database.dialect
    # All that match hold the texts of the terms; only those are taken apart.
    held = and_(*(or_(*(matches(dialect, term.text, among) for term in group)) for group in query.groups))
    candidates = select(trajectories.c.key).where(held).order_by(trajectories.c.key)
    if among is not None:
        candidates = candidates.where(trajectories.c.key.in_(among))
    keys = await keys_of(connection, candidates)
    groups = [[run for term in group for run in _runs(term)] for group in query.groups]
    excluded = [run for term in query.excluded for run in _runs(term)]
    found: list[int] = []
    shared = SharedTexts()
    for part in slices(keys, _TRAJECTORIES):
        for key, document in (await _documents(connection, dialect, part, shared)).items():
            if all(_any_in(group, document) for group in groups) and not _any_in(excluded, document):
                found.append(key)
        shared.shrink()
    return found


def _runs(term: Term) -> tuple[Run, ...]:
    return runs_of(term, forms_of(term.text)).runs


def _any_in(runs: Sequence[Run], document: str) -> bool:
    return any(run.is_in(document) for run in runs)


async def _documents(
    connection: AsyncConnection, dialect: Dialect, keys: Sequence[int], shared: SharedTexts
) -> dict[int, str]:
    rows = {query.table: await _fetch(connection, dialect, query.sql, keys) for query in queries(dialect)}
    if missing := shared.missing(rows["llm_calls"]):
        shared.add(await _fetch(connection, dialect, shared_query(dialect), missing))
    return {key: joined(tokens) for key, tokens in documents(keys, rows, shared).items()}


async def _fetch(
    connection: AsyncConnection, dialect: Dialect, sql: str, keys: Sequence[int]
) -> list[Sequence[Any]]:
    array: Any = orjson.dumps(keys).decode() if dialect == "sqlite" else list(keys)
    return [tuple(row) for row in (await connection.exec_driver_sql(sql, (array,))).all()]
