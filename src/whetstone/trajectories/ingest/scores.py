"""Scores of trajectories and of their calls: merging them in memory, and reading and writing their rows.

A score that was taken back leaves a row that says nothing, so that a trajectory which carries the score and arrives
late, or again, does not bring it back.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import iso
from whetstone.db import Database
from whetstone.db.bulk import slices
from whetstone.trajectories.input.feedback_input import ScoreInput
from whetstone.trajectories.tables import scores

if TYPE_CHECKING:
    from whetstone.trajectories.ingest.draft import Draft

Row = dict[str, Any]

_ROWS = 200  # rows a statement
_CONTENT = ("value", "label", "comment")
_COLUMNS = ("call_id", "name", *_CONTENT, "source", "created_at")


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """A score to set. One that comes with a trajectory or a call fills in; one of an annotation replaces."""

    id: str
    call_id: str | None
    replaces: bool
    input: ScoreInput


def score_changes(
    inputs: Iterable[ScoreInput], *, call_id: str | None = None, replaces: bool = False
) -> list[ScoreChange]:
    """The changes that scores ask for; those that name no call are of `call_id`."""
    changes = []
    for each in inputs:
        owner = each.call_id or call_id
        changes.append(ScoreChange(each.id or _score_id(each, owner), owner, replaces, each))
    return changes


def _score_id(score: ScoreInput, call_id: str | None) -> str:
    identity = orjson.dumps([score.source, score.name, call_id])
    return f"score-{hashlib.sha256(identity).hexdigest()[:24]}"


@dataclass(slots=True)
class ScoreBook:
    """The scores of one trajectory as far as a write needs them: rows by id, and which of them are to be written.

    Of a stored trajectory it holds those of the trajectory itself, and those that are named by a change.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def apply(self, changes: Iterable[ScoreChange], now: int) -> bool:
        """Merge `changes`; whether scores of the trajectory as a whole are among those that it altered."""
        whole = False
        for change in changes:
            known = self.rows.get(change.id)
            if known is not None and not change.replaces:
                continue
            row = _row(change, known, now)
            if known is None or any(row[name] != known[name] for name in _COLUMNS):
                self.rows[change.id] = row
                self.changed.add(change.id)
                whole = whole or row["call_id"] is None or (known is not None and known["call_id"] is None)
        return whole

    def of_trajectory(self) -> list[Row]:
        """The scores of the trajectory as a whole."""
        return [row for row in self.rows.values() if row["call_id"] is None]


def _row(change: ScoreChange, known: Row | None, now: int) -> Row:
    said = change.input
    says_something = any(getattr(said, name) is not None for name in _CONTENT)
    return {
        "score_id": change.id,
        "call_id": change.call_id,
        "name": said.name if says_something else "",
        "value": said.value,
        "label": said.label,
        "comment": said.comment,
        "source": said.source if says_something else "",
        "created_at": said.created_at or (known["created_at"] if known else now),
        "updated_at": now,
    }


async def load_books(
    connection: AsyncConnection, books: Mapping[int, ScoreBook], wanted: Collection[tuple[int, str]]
) -> None:
    """Fill the books of stored trajectories (by key), whose scores `wanted` (key, score id) are to be changed."""
    for part in slices(sorted(wanted), _ROWS):
        keys = sorted({key for key, _ in part})
        of_trajectory = and_(scores.c.trajectory_key.in_(keys), scores.c.call_id.is_(None))
        named = tuple_(scores.c.trajectory_key, scores.c.score_id).in_(part)
        for row in await _rows(connection, or_(of_trajectory, named)):
            key = row.pop("trajectory_key")
            books[key].rows.setdefault(row["score_id"], row)


async def write_scores(connection: AsyncConnection, database: Database, drafts: Iterable[Draft]) -> None:
    """Write the scores that `drafts` changed."""
    rows = [
        draft.scores.rows[score_id] | {"trajectory_key": draft.key}
        for draft in drafts
        for score_id in sorted(draft.scores.changed)
    ]
    if not rows:
        return
    statement = database.insert(scores)
    replaced = {name: statement.excluded[name] for name in (*_COLUMNS, "updated_at")}
    statement = statement.on_conflict_do_update(index_elements=["trajectory_key", "score_id"], set_=replaced)
    for part in slices(rows, _ROWS):
        await connection.execute(statement, list(part))


async def load_scores(connection: AsyncConnection, keys: Sequence[int]) -> defaultdict[int, list[Row]]:
    """The scores of trajectories and their calls, by the key of the trajectory; those taken back are left out."""
    owned: defaultdict[int, list[Row]] = defaultdict(list)
    if keys:
        says_something = or_(*(scores.c[name].is_not(None) for name in _CONTENT))
        for row in await _rows(connection, and_(scores.c.trajectory_key.in_(keys), says_something)):
            owned[row["trajectory_key"]].append(row)
    return owned


def score_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """A score as trajectory documents show it; `value` is null where there is only a label or a comment."""
    optional = {"label": row["label"], "comment": row["comment"], "callId": row["call_id"]}
    return {
        "id": row["score_id"],
        "name": row["name"],
        "value": row["value"],
        "source": row["source"],
        **{name: value for name, value in optional.items() if value is not None},
        "createdAt": iso(row["created_at"]),
    }


def score_documents(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scores in the order of their names and sources."""
    return [
        score_document(row)
        for row in sorted(rows, key=lambda row: (row["name"], row["source"], row["score_id"]))
    ]


async def _rows(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Row]:
    query = select(*(column for column in scores.c if column is not scores.c.key)).where(condition)
    return [dict(row) for row in (await connection.execute(query)).mappings()]
