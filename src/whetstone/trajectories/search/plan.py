"""What a search text means: from words to the places of the index.

Make the plan first in its transaction: on SQLite the index is a file of its own, whose snapshot must not be the
newer of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.engine import Dialect
from whetstone.errors import InvalidInputError
from whetstone.trajectories.search.index_state import IndexState, index_state
from whetstone.trajectories.search.lag import Lag, lag_of
from whetstone.trajectories.search.needles import Term, runs_of
from whetstone.trajectories.search.postgresql_search import PostgresqlMatch
from whetstone.trajectories.search.query import SearchMode, SearchQuery, parse
from whetstone.trajectories.search.scan import forms_of, matches
from whetstone.trajectories.search.search_plan import SearchPlan
from whetstone.trajectories.search.sqlite_search import SqliteMatch
from whetstone.trajectories.search.unindexed import keys_of, query_matches
from whetstone.trajectories.search.vocabulary import Expansion, TooManyError, expand
from whetstone.trajectories.tables import trajectories

_log = structlog.get_logger(__name__)

MAX_LISTED = 20_000
"""Matches that are listed once, where looking them up again would take long."""

MAX_VERIFIED = 10_000
"""Possible matches that are compared with their texts in good time."""

MAX_TAIL = 5000
"""Changes of trajectories that are not indexed, beyond which a literal search does without the index."""


async def plan_search(
    connection: AsyncConnection, database: Database, text: str, mode: SearchMode = "text"
) -> SearchPlan | None:
    """The plan of a search; None where `text` restricts nothing.

    Raises InvalidInputError when `text` has more than 1,000 characters or is no query.
    """
    if not text or (mode == "query" and not text.strip()):
        return None
    query = SearchQuery(((Term(text),),)) if mode == "text" else parse(text)
    state = await index_state(connection, database)
    lag = await lag_of(connection, state)
    return replace(
        await _planned(connection, database, query, text if mode == "text" else None, state, lag), lag=lag
    )


async def _planned(
    connection: AsyncConnection,
    database: Database,
    query: SearchQuery,
    text: str | None,
    state: IndexState | None,
    lag: Lag,
) -> SearchPlan:
    """The plan of a query, or of the literal `text`."""
    try:
        if state is not None and text is not None:
            return await _plan_text(connection, database.dialect, query.terms()[0], state, lag.pending)
        if state is not None:
            return await _plan_query(connection, database, query, state, lag.pending)
    except DBAPIError as error:
        if database.dialect == "postgresql":
            raise
        _log.error("the search index cannot be read", error=str(error.orig))
    terms = tuple(query.terms())
    if text is not None:
        return SearchPlan(database.dialect, terms, scan=matches(database.dialect, text))
    found = await query_matches(connection, database, query, None)
    return _with_extra(SearchPlan(database.dialect, terms), found)


async def _plan_text(
    connection: AsyncConnection,
    dialect: Dialect,
    term: Term,
    state: IndexState,
    waiting: int,
) -> SearchPlan:
    literal = matches(dialect, term.text)
    scanning = SearchPlan(dialect, (term,), scan=literal)
    if waiting > MAX_TAIL:
        return scanning
    try:
        plan = await _plan_term(connection, dialect, term, state.tail() if waiting else None, literal)
    except TooManyError:
        return scanning
    if plan is None:
        return scanning
    if waiting:
        tail = state.tail()
        held = matches(dialect, term.text, tail)
        query = select(trajectories.c.key).where(trajectories.c.key.in_(tail), held)
        plan = _with_extra(plan, await keys_of(connection, query))
    return plan


async def _plan_term(
    connection: AsyncConnection,
    dialect: Dialect,
    term: Term,
    tail: Select[tuple[int]] | None,
    literal: ColumnElement[bool],
) -> SearchPlan | None:
    """The plan of one literal text by the index alone; None where anything may match. Raises TooManyError."""
    plan = None
    for loosely in (True, False):
        expansion = await _expand(connection, term, loosely=loosely)
        if expansion is None:
            return None
        verify = literal if expansion.verify else None
        plan = _plan(dialect, (term,), [[expansion]], [], verify)
        plan = await _count(connection, plan, tail)
        # Many to compare with their texts: it is quicker to look for all that begins as the text ends.
        if plan.verify is None:
            break
        if (plan.estimate or 0) <= MAX_VERIFIED:  # once, rather than for each question
            keys = await keys_of(connection, plan.keys())
            return _with_extra(SearchPlan(dialect, (term,)), keys)
    return plan


async def _plan_query(
    connection: AsyncConnection, database: Database, query: SearchQuery, state: IndexState, waiting: int
) -> SearchPlan:
    groups = [[await _expand_whole(connection, term) for term in group] for group in query.groups]
    excluded = [await _expand_whole(connection, term) for term in query.excluded]
    plan = _plan(database.dialect, tuple(query.terms()), groups, excluded, None)
    plan = await _count(connection, plan, state.tail() if waiting else None)
    if waiting:
        plan = _with_extra(plan, await query_matches(connection, database, query, state.tail()))
    return plan


async def _expand(connection: AsyncConnection, term: Term, *, loosely: bool = False) -> Expansion | None:
    """The alternatives of a term; None where anything may match. Raises TooManyError."""
    runs = runs_of(term, forms_of(term.text))
    if not runs.runs:
        return None
    expansion = await expand(connection, runs.runs, loosely=loosely)
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
    match, plan = plan.match, replace(plan, tail=tail)
    if match is None:
        return replace(plan, estimate=0)
    if match.costly and plan.verify is None:
        keys = await match.listed(connection, plan.indexed().limit(MAX_LISTED + 1))
        if len(keys) <= MAX_LISTED:
            return _with_extra(SearchPlan(plan.dialect, plan.terms), keys)
    found = select(func.count()).select_from(plan.indexed().subquery())
    return replace(plan, estimate=int((await connection.execute(found)).scalar_one()))


def _with_extra(plan: SearchPlan, extra: Sequence[int]) -> SearchPlan:
    return replace(plan, extra=(*plan.extra, *extra), estimate=(plan.estimate or 0) + len(extra))
