"""Asking the index on SQLite: one MATCH expression of FTS5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import orjson
from sqlalchemy import ColumnElement, Select, UnaryExpression, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.operators import custom_op

from whetstone.trajectories.search.tokens import SEPARATOR, indexed
from whetstone.trajectories.search.vocabulary import Expansion

_documents = table("documents", column("rowid"), column("documents"), column("rank"), schema="search")

_CHEAP_QUOTES = 8  # quotation marks of a few phrases
_RANKED = 10_000  # matches, the newest, among which the most relevant are looked for


@dataclass(frozen=True, slots=True)
class SqliteMatch:
    """A match expression."""

    expression: str

    @classmethod
    def of(cls, groups: Sequence[Sequence[Expansion]], excluded: Sequence[Expansion]) -> SqliteMatch | None:
        """The expression that one of each group matches and none of `excluded`; None where nothing can match."""
        alternatives = [_alternatives(group) for group in groups]
        if not all(alternatives):
            return None
        expression = " AND ".join(f"({each})" for each in alternatives)
        if unwanted := _alternatives(excluded):
            expression = f"({expression}) NOT ({unwanted})"
        return cls(expression)

    @property
    def costly(self) -> bool:
        """Whether finding the matches takes much longer than listing them."""
        return SEPARATOR in self.expression or self.expression.count('"') > _CHEAP_QUOTES

    async def listed(self, connection: AsyncConnection, keys: Select[tuple[int]]) -> list[int]:
        """The keys that a query finds."""
        found = keys.subquery()  # one row: each row costs more than the keys in it
        array = await connection.execute(select(func.json_group_array(found.c[0])))
        listed: list[int] = orjson.loads(array.scalar_one())
        return listed

    def keys(self) -> Select[tuple[int]]:
        """The keys of the matches."""
        return select(_documents.c.rowid).where(self._matches())

    def probe(self, key: ColumnElement[int], within: tuple[int, int] | None = None) -> ColumnElement[bool]:
        """The condition that the trajectory `key` matches, which does not lead the way to the rows.

        With `within`, only matches from the first to the second key count.
        """
        keys = self.keys()
        if within is not None:
            keys = keys.where(_documents.c.rowid >= within[0], _documents.c.rowid <= within[1])
        # The set of these matches is made in the time of a few rows' own queries. The plus keeps the planner off it.
        plain = UnaryExpression(key, operator=custom_op("+"), type_=key.type)
        return plain.in_(keys)

    def relevance(self) -> Select[tuple[int]]:
        """The keys of the newest matches, the most relevant first."""
        newest = (
            select(_documents.c.rowid, _documents.c.rank)
            .where(self._matches())
            .order_by(_documents.c.rowid.desc())
            .limit(_RANKED)
            .subquery()
        )
        return select(newest.c.rowid).order_by(newest.c.rank, newest.c.rowid.desc())

    def _matches(self) -> ColumnElement[bool]:
        return _documents.c.documents.op("MATCH", is_comparison=True)(self.expression)


def _alternatives(expansions: Sequence[Expansion]) -> str:
    choices = [choice for expansion in expansions for choice in expansion.choices]
    phrases = (
        _phrase(tokens) + (" *" if choice.prefix else "")
        for choice in choices
        for tokens in product(*choice.places)
    )
    return " OR ".join(dict.fromkeys(phrases))


def _phrase(tokens: Sequence[str]) -> str:
    text = SEPARATOR.join(map(indexed, tokens))
    return '"' + text.replace('"', '""') + '"'
