"""Asking the index on PostgreSQL: sets of trajectories, because a trajectory may have several documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    cast,
    column,
    except_,
    func,
    intersect,
    literal,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.search.tsvector import lexeme
from whetstone.trajectories.search.vocabulary import Choice, Expansion

_documents = table("documents", column("trajectory_key"), column("tokens"), schema="search")

_RANKED = 2_000  # matches, the newest, among which the most relevant are looked for


@dataclass(frozen=True, slots=True)
class PostgresqlMatch:
    """Queries of which each must match some document of a trajectory, and one that must match none."""

    wanted: tuple[str, ...]
    unwanted: str = ""

    @classmethod
    def of(
        cls, groups: Sequence[Sequence[Expansion]], excluded: Sequence[Expansion]
    ) -> PostgresqlMatch | None:
        """The queries that one of each group matches and none of `excluded`; None where nothing can match."""
        wanted = tuple(_alternatives(group) for group in groups)
        return cls(wanted, _alternatives(excluded)) if all(wanted) else None

    @property
    def costly(self) -> bool:
        """Whether finding the matches takes much longer than listing them."""
        return True

    async def listed(self, connection: AsyncConnection, keys: Select[tuple[int]]) -> list[int]:
        """The keys that a query finds."""
        found: Select[Any] = keys
        return list((await connection.execute(found)).scalars())

    def keys(self) -> Select[tuple[int]]:
        """The keys of the matches."""
        sets = [_found(query) for query in self.wanted]
        if len(sets) == 1 and not self.unwanted:
            return sets[0]
        found = intersect(*sets) if len(sets) > 1 else sets[0]
        if self.unwanted:
            found = except_(found, _found(self.unwanted))
        matched = found.subquery()
        return select(matched.c.trajectory_key)

    def probe(self, key: ColumnElement[int], within: tuple[int, int] | None = None) -> ColumnElement[bool]:
        """The condition that the trajectory `key` matches, between the keys `within`."""
        matches = key.in_(self.keys())
        return matches if within is None else and_(matches, key.between(*within))

    def relevance(self) -> Select[tuple[int]]:
        """The keys of the newest matches, the most relevant first."""
        matched = self.keys().subquery()
        newest = select(matched.c.trajectory_key).order_by(matched.c.trajectory_key.desc()).limit(_RANKED)
        query = cast(literal(" | ".join(f"({each})" for each in self.wanted)), TSQUERY)
        rank = func.max(func.ts_rank(_documents.c.tokens, query))
        return (
            select(_documents.c.trajectory_key)
            .where(_documents.c.trajectory_key.in_(newest), _documents.c.tokens.op("@@")(query))
            .group_by(_documents.c.trajectory_key)
            .order_by(rank.desc(), _documents.c.trajectory_key.desc())
        )


def _found(query: str) -> Select[tuple[int]]:
    found = func.search.find(cast(literal(query), TSQUERY)).table_valued(column("trajectory_key", BigInteger))
    return select(found.render_derived().c.trajectory_key)


def _alternatives(expansions: Sequence[Expansion]) -> str:
    choices = [choice for expansion in expansions for choice in expansion.choices]
    return " | ".join(dict.fromkeys(map(_phrase, choices)))


def _phrase(choice: Choice) -> str:
    places = [[*map(lexeme, place)] for place in choice.places]
    if choice.prefix:
        places[-1] = [f"{each}:*" for each in places[-1]]
    return "(" + " <-> ".join(f"({' | '.join(place)})" for place in places) + ")"
