"""The tags of trajectories as labels by which lists are filtered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.bulk import insert_rows
from whetstone.trajectories.ingest.feedback import tags_of
from whetstone.trajectories.tables import trajectory_labels

if TYPE_CHECKING:
    from whetstone.trajectories.ingest.draft import Draft

TAG = "tag"
"""Kind of the labels that people and agents give."""

_DELETE = delete(trajectory_labels).where(
    *(trajectory_labels.c[name] == bindparam(f"its_{name}") for name in ("trajectory_key", "kind", "value"))
)


async def write_tags(connection: AsyncConnection, drafts: Iterable[Draft]) -> None:
    """Make the tag labels of changed trajectories what their headers say."""
    gone, new = [], []
    for draft in drafts:
        before = set() if draft.stored is None else set(tags_of(draft.stored))
        after = set(tags_of(draft.header))
        gone += [(draft.key, value) for value in sorted(before - after)]
        new += [(draft.key, value) for value in sorted(after - before)]
    if gone:
        await connection.execute(
            _DELETE, [{"its_trajectory_key": key, "its_kind": TAG, "its_value": value} for key, value in gone]
        )
    if new:
        rows = [{"trajectory_key": key, "kind": TAG, "value": value} for key, value in new]
        await insert_rows(connection, trajectory_labels, rows, ignore_known=True)
