"""A search text as conditions that SQL can answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.engine import Dialect
from whetstone.db.lists import key_set
from whetstone.trajectories.search.lag import NO_LAG, Lag
from whetstone.trajectories.search.needles import Term
from whetstone.trajectories.search.postgresql_search import PostgresqlMatch
from whetstone.trajectories.search.sqlite_search import SqliteMatch
from whetstone.trajectories.tables import trajectories

MAX_RELEVANT = 1000
"""Matches that can be ordered by relevance."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search text as conditions on `trajectories`, valid within the transaction that made it.

    `terms` are what is looked for, for snippets. Where `scan` is given there is no way but through all texts.
    Otherwise the matches are `extra`, which are keys of those that are not indexed yet or were looked up already,
    and those of the index without the `tail` for which `verify` holds.
    """

    dialect: Dialect
    terms: tuple[Term, ...]
    scan: ColumnElement[bool] | None = None
    match: SqliteMatch | PostgresqlMatch | None = None
    tail: Select[tuple[int]] | None = None
    verify: ColumnElement[bool] | None = None
    extra: tuple[int, ...] = ()
    estimate: int | None = None
    # How far the index was behind when the plan was made.
    lag: Lag = NO_LAG

    def condition(self) -> ColumnElement[bool]:
        """The condition that a row of `trajectories` matches; right beside any other condition."""
        if self.scan is not None:
            return self.scan
        return self._combined(trajectories.c.key.in_(self.indexed()) if self.match else false())

    def probe(self, within: tuple[int, int] | None = None) -> ColumnElement[bool]:
        """The same condition, cheaper where many match and few rows are looked at, such as a page in some order.

        `within` holds the lowest and the highest key of those rows, where they are known.
        """
        if self.scan is not None:
            return self.scan
        return self._combined(self.match.probe(trajectories.c.key, within) if self.match else false())

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
