"""What a search text means, as conditions that SQL can answer.

Make the plan first in its transaction: on SQLite the index is a file of its own, whose snapshot must not be the
newer of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog
from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select, union_all
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.engine import Dialect
from whetstone.errors import InvalidInputError
from whetstone.trajectories.search.index_state import IndexState, index_state
from whetstone.trajectories.search.needles import Term, runs_of
from whetstone.trajectories.search.postgresql_search import PostgresqlMatch
from whetstone.trajectories.search.query import SearchQuery, parse
from whetstone.trajectories.search.scan import forms_of, matches
from whetstone.trajectories.search.sqlite_search import SqliteMatch
from whetstone.trajectories.search.unindexed import key_set, query_matches
from whetstone.trajectories.search.vocabulary import Expansion, TooManyError, expand
from whetstone.trajectories.tables import trajectories

_log = structlog.get_logger(__name__)

Mode = Literal["text", "query"]

MAX_RELEVANT = 1000
"""Matches that can be ordered by relevance."""

FEW = 1000
"""Matches up to which it is quicker to fetch them all than to walk through trajectories in some order."""

MAX_TAIL = 5000
"""Trajectories that are not indexed, beyond which a literal search does without the index."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search text as conditions on `trajectories`, valid within the transaction that made it.

    `terms` are what is looked for, for snippets. Where `scan` is given there is no way but through all texts.
    Otherwise the matches are `extra`, which are the keys of those that are not indexed yet, and those of the index
    without the `tail` for which `verify` holds.
    """

    dialect: Dialect
    terms: tuple[Term, ...]
    scan: ColumnElement[bool] | None = None
    match: SqliteMatch | PostgresqlMatch | None = None
    tail: Select[tuple[int]] | None = None
    verify: ColumnElement[bool] | None = None
    extra: tuple[int, ...] = ()
    estimate: int | None = None

    @property
    def few(self) -> bool:
        """Whether `keys()` is the way to the first page; else `probe()` is."""
        return self.scan is None and (self.estimate or 0) <= FEW

    def condition(self) -> ColumnElement[bool]:
        """The condition that a row of `trajectories` matches; right beside any other condition."""
        if self.scan is not None:
            return self.scan
        return self._combined(trajectories.c.key.in_(self.indexed()) if self.match else false())

    def probe(self) -> ColumnElement[bool]:
        """The same condition, cheaper where many match and few rows are looked at, such as a page in some order."""
        if self.scan is not None:
            return self.scan
        return self._combined(self.match.probe(trajectories.c.key) if self.match else false())

    def keys(self) -> Select[tuple[int]]:
        """The keys of all matches; cheap where there are few."""
        if self.scan is not None or self.verify is not None:
            return select(trajectories.c.key).where(self.condition())
        extra = key_set(self.dialect, self.extra)
        if self.match is None:
            return extra
        found = self.indexed()
        if not self.extra:
            return found
        both = union_all(found, extra).subquery()
        return select(both.c[0])

    async def count(self, connection: AsyncConnection) -> int:
        """How many trajectories match, without any other filter."""
        if self.estimate is not None and self.verify is None:
            return self.estimate
        query = select(func.count()).select_from(trajectories).where(self.condition())
        return int((await connection.execute(query)).scalar_one())

    async def relevance(self, connection: AsyncConnection, limit: int = MAX_RELEVANT) -> list[int]:
        """The keys of at most `limit` (at most 1,000) matches, the most relevant first.

        Where very many match, only the newest of them are compared; what is not indexed yet comes first.
        """
        limit = max(0, min(limit, MAX_RELEVANT))
        newest = select(trajectories.c.key).order_by(trajectories.c.key.desc()).limit(limit)
        if self.scan is not None:
            return list((await connection.execute(newest.where(self.scan))).scalars())
        found = sorted(self.extra, reverse=True)[:limit]
        if self.match is not None:
            ranked = self.match.relevance().subquery()
            query = select(ranked.c[0])
            if self.tail is not None:
                query = query.where(ranked.c[0].not_in(self.tail))
            if self.verify is not None:
                query = query.where(ranked.c[0].in_(select(trajectories.c.key).where(self.verify)))
            found += (await connection.execute(query.limit(limit - len(found)))).scalars()
        return found

    def indexed(self) -> Select[tuple[int]]:
        """Keys that the index knows, without the tail."""
        found = self.match.keys() if self.match else key_set(self.dialect, ())
        if self.tail is None:
            return found
        return found.where(found.selected_columns[0].not_in(self.tail))

    def _combined(self, indexed: ColumnElement[bool]) -> ColumnElement[bool]:
        conditions = [indexed]
        if self.match is not None and self.tail is not None:
            conditions.append(not_(trajectories.c.key.in_(self.tail)))
        if self.verify is not None:
            conditions.append(self.verify)
        found = and_(*conditions)
        if not self.extra:
            return found
        return or_(found, trajectories.c.key.in_(key_set(self.dialect, self.extra)))


async def plan_search(
    connection: AsyncConnection, database: Database, text: str, mode: Mode = "text"
) -> SearchPlan | None:
    """The plan of a search; None where `text` restricts nothing.

    Raises InvalidInputError when `text` has more than 1,000 characters or is no query.
    """
    if not text or (mode == "query" and not text.strip()):
        return None
    if mode == "text":
        return await _plan_text(connection, database, text)
    return await _plan_query(connection, database, parse(text))


async def _plan_text(connection: AsyncConnection, database: Database, text: str) -> SearchPlan:
    term = Term(text)
    literal = matches(database.dialect, text)
    scanning = SearchPlan(database.dialect, (term,), scan=literal)
    state = await index_state(connection, database)
    if state is None or (waiting := await _waiting(connection, state)) > MAX_TAIL:
        return scanning
    try:
        expansion = await _expand(connection, term)
        if expansion is None:
            return scanning
        verify = literal if expansion.verify else None
        plan = _plan(database.dialect, (term,), [[expansion]], [], verify)
        plan = await _count(connection, plan, state.tail() if waiting else None)
    except TooManyError:
        return scanning
    except DBAPIError as error:
        if database.dialect == "postgresql":
            raise
        _log.error("the search index cannot be read", error=str(error.orig))
        return scanning
    if waiting:
        query = select(trajectories.c.key).where(trajectories.c.key.in_(state.tail()), literal)
        plan = _with_extra(plan, list((await connection.execute(query)).scalars()))
    return plan


async def _plan_query(connection: AsyncConnection, database: Database, query: SearchQuery) -> SearchPlan:
    terms = tuple(query.terms())
    state = await index_state(connection, database)
    if state is None:
        found = await query_matches(connection, database, query, None)
        return _with_extra(SearchPlan(database.dialect, terms, estimate=0), found)
    groups = [[await _expand_whole(connection, term) for term in group] for group in query.groups]
    excluded = [await _expand_whole(connection, term) for term in query.excluded]
    waiting = await _waiting(connection, state)
    plan = _plan(database.dialect, terms, groups, excluded, None)
    plan = await _count(connection, plan, state.tail() if waiting else None)
    if waiting:
        plan = _with_extra(plan, await query_matches(connection, database, query, state.tail()))
    return plan


async def _waiting(connection: AsyncConnection, state: IndexState) -> int:
    first = state.tail().limit(MAX_TAIL + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(first))).scalar_one())


async def _expand(connection: AsyncConnection, term: Term) -> Expansion | None:
    """The alternatives of a term; None where anything may match. Raises TooManyError."""
    runs = runs_of(term, forms_of(term.text))
    if not runs.runs:
        return None
    expansion = await expand(connection, runs.runs)
    return replace(expansion, verify=expansion.verify or runs.verify)


async def _expand_whole(connection: AsyncConnection, term: Term) -> Expansion:
    advice = "Write less of it, or search for it as plain text."
    try:
        expansion = await _expand(connection, term)
    except TooManyError:
        expansion = None
    if expansion is None or expansion.verify:
        shown = term.text if len(term.text) <= 40 else f"{term.text[:40]}…"
        raise InvalidInputError(f"“{shown}” is too common or too long for a term of a query. {advice}")
    return expansion


def _plan(
    dialect: Dialect,
    terms: tuple[Term, ...],
    groups: Sequence[Sequence[Expansion]],
    excluded: Sequence[Expansion],
    verify: ColumnElement[bool] | None,
) -> SearchPlan:
    engine = SqliteMatch if dialect == "sqlite" else PostgresqlMatch
    return SearchPlan(dialect, terms, match=engine.of(groups, excluded), verify=verify)


async def _count(
    connection: AsyncConnection, plan: SearchPlan, tail: Select[tuple[int]] | None
) -> SearchPlan:
    """The plan with the number of what the index finds outside the tail; this also shows that it can be read."""
    if plan.match is None:
        return replace(plan, tail=tail, estimate=0)
    plan = replace(plan, tail=tail)
    found = select(func.count()).select_from(plan.indexed().subquery())
    return replace(plan, estimate=int((await connection.execute(found)).scalar_one()))


def _with_extra(plan: SearchPlan, extra: Sequence[int]) -> SearchPlan:
    return replace(plan, extra=tuple(extra), estimate=(plan.estimate or 0) + len(extra))
