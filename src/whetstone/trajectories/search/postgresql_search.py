"""Asking the index on PostgreSQL: sets of trajectories, because a trajectory may have several documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    cast,
    column,
    except_,
    exists,
    func,
    intersect,
    literal,
    not_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from whetstone.trajectories.search.tsvector import lexeme
from whetstone.trajectories.search.vocabulary import Expansion

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

    def keys(self) -> Select[tuple[int]]:
        """The keys of the matches."""
        sets = [_keys(query).distinct() for query in self.wanted]
        if len(sets) == 1 and not self.unwanted:
            return sets[0]
        found = intersect(*sets) if len(sets) > 1 else sets[0]
        if self.unwanted:
            found = except_(found, _keys(self.unwanted))
        matched = found.subquery()
        return select(matched.c.trajectory_key)

    def probe(self, key: ColumnElement[int]) -> ColumnElement[bool]:
        """The condition that the trajectory `key` matches, answered for each row by itself."""
        owned = _documents.c.trajectory_key == key
        found: list[ColumnElement[bool]] = [
            exists(select(literal(1)).where(owned, _matches(query))) for query in self.wanted
        ]
        if self.unwanted:
            found.append(not_(exists(select(literal(1)).where(owned, _matches(self.unwanted)))))
        return and_(*found)

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


def _keys(query: str) -> Select[tuple[int]]:
    return select(_documents.c.trajectory_key).where(_matches(query))


def _matches(query: str) -> ColumnElement[bool]:
    return _documents.c.tokens.op("@@", is_comparison=True)(cast(literal(query), TSQUERY))


def _alternatives(expansions: Sequence[Expansion]) -> str:
    phrases = dict.fromkeys(
        [_phrase(tokens) for expansion in expansions for tokens in expansion.exact]
        + [f"{_phrase(tokens)}:*" for expansion in expansions for tokens in expansion.prefixes]
    )
    return " | ".join(phrases)


def _phrase(tokens: Sequence[str]) -> str:
    return " <-> ".join(map(lexeme, tokens))
