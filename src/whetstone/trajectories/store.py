"""The trajectory store: everything that other rooms may ask of recorded trajectories."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import func, select

from whetstone.db import Database
from whetstone.db.lists import text_set
from whetstone.errors import NotFoundError
from whetstone.ids import new_id
from whetstone.settings import Settings
from whetstone.trajectories import logging_switch
from whetstone.trajectories.ingest import changes
from whetstone.trajectories.ingest.changes import Change
from whetstone.trajectories.ingest.labels import Classify, no_tasks
from whetstone.trajectories.ingest.weight import items_of, weigh
from whetstone.trajectories.ingest.writer import Describe, Writer
from whetstone.trajectories.ingest.writes import IngestResult
from whetstone.trajectories.input.fragments import TrajectoryFragment
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    TrajectoryInput,
)
from whetstone.trajectories.reading import documents, reads
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.pages import Page, PageRequest, page
from whetstone.trajectories.reading.stats import Bucket, stats
from whetstone.trajectories.tables import trajectories
from whetstone.trajectories.upkeep import lifecycle
from whetstone.trajectories.upkeep.storage import storage

Json = dict[str, Any]

_FEW = 500  # items that are weighed in no time


class TrajectoryStore:
    """Recorded trajectories in the database.

    Writes are stored whole or not at all, durable when they return, idempotent by id, and independent of the order
    in which the parts of a trajectory arrive: a part of an unknown trajectory creates it as active. They raise
    InvalidInputError on an unusable id, ConflictError when two steps claim the same call and OverloadedError when
    too many writes wait. While logging is off they store nothing.

    `classify` names the tasks of a call (given with the keys of a trajectory document), by which trajectories can
    then be filtered.
    """

    def __init__(self, database: Database, settings: Settings, classify: Classify = no_tasks) -> None:
        self._database = database
        self._settings = settings
        self._writer = Writer(database, settings.ingest_queue_calls, classify)

    async def add(self, batch: Sequence[TrajectoryInput]) -> IngestResult:
        """Store whole trajectories or starts of them; what is stored already is filled in, not repeated."""
        ids = [
            new_id("trajectory") if record.trajectory_id is None else record.trajectory_id for record in batch
        ]
        return await self._ingest(
            ids,
            batch,
            lambda now: [
                changes.from_trajectory(record, identifier, now)
                for record, identifier in zip(batch, ids, strict=True)
            ],
        )

    async def add_fragments(self, batch: Sequence[TrajectoryFragment]) -> IngestResult:
        """Store pieces of trajectories that telemetry sent; see `fragments`."""
        pieces = [(record, changes.trajectory_id(record.trajectory_id or "")) for record in batch]
        return await self._ingest(
            [identifier for _, identifier in pieces],
            batch,
            lambda now: [changes.from_fragment(record, identifier, now) for record, identifier in pieces],
        )

    async def known(self, ids: Collection[str]) -> set[str]:
        """Those of `ids` that are stored."""
        wanted = select(trajectories.c.id).where(trajectories.c.id.in_(text_set(self._database.dialect, ids)))
        async with self._database.read() as connection:
            return set((await connection.execute(wanted)).scalars())

    async def add_llm_calls(self, trajectory_id: str, calls: Sequence[LlmCallInput]) -> IngestResult:
        """Append calls to a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest(
            [identifier], calls, lambda now: [changes.from_calls(identifier, calls, now)]
        )

    async def add_provider_accesses(
        self, trajectory_id: str, accesses: Sequence[ProviderAccessInput]
    ) -> IngestResult:
        """Append provider accesses to a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest(
            [identifier], accesses, lambda now: [changes.from_accesses(identifier, accesses, now)]
        )

    async def annotate(self, trajectory_id: str, annotation: AnnotationInput) -> IngestResult:
        """Judge a trajectory and correct its calls; a correction waits for a call that has not arrived."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest(
            [identifier], [annotation], lambda _: [changes.from_annotation(identifier, annotation)]
        )

    async def end(self, trajectory_id: str, end: EndInput) -> IngestResult:
        """End a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest([identifier], [end], lambda _: [Change(identifier, end=end)])

    async def writes_settled(self) -> None:
        """Return when nothing waits to be stored any more: before the database is closed."""
        await self._writer.idle()

    async def _ingest(
        self, ids: Sequence[str], records: Sequence[BaseModel], describe: Describe
    ) -> IngestResult:
        if self._settings.trajectory_logging_forced_off:
            return IngestResult(stored=False, ids=tuple(dict.fromkeys(ids)))
        # Weighing many takes nearly as long as checking them.
        few = sum(map(items_of, records)) <= _FEW
        weight = weigh(records) if few else await asyncio.to_thread(weigh, records)
        return await self._writer.submit(describe, weight)

    async def list(
        self, wanted: TrajectoryFilter, limit: int, offset: int
    ) -> tuple[builtins.list[Json], int]:
        """One page of list records (contract §3.1), newest first, and the number of all matches."""
        found = await self.page(wanted, PageRequest(limit, offset))
        return found.records, found.total

    async def page(self, wanted: TrajectoryFilter, request: PageRequest) -> Page:
        """One page of list records in any order, by offset or behind a cursor; see `pages.page`."""
        return await page(self._database, wanted, request)

    async def get(self, trajectory_id: str) -> Json | None:
        """The trajectory document with this id."""
        return await reads.find(self._database, trajectory_id)

    async def detail(self, trajectory_id: str) -> Json:
        """The detail answer of the contract (§3.2). Raises NotFoundError."""
        whole = await self.get(trajectory_id)
        if whole is None:
            raise NotFoundError(f'Trajectory "{trajectory_id}" not found')
        return documents.detail(whole)

    def stream(
        self, wanted: TrajectoryFilter, *, newest_first: bool = True, limit: int | None = None
    ) -> AsyncIterator[Json]:
        """Trajectory documents of all matches, or of the first `limit`, in constant memory."""
        return reads.documents(self._database, wanted, newest_first=newest_first, limit=limit)

    def records(self, wanted: TrajectoryFilter, *, newest_first: bool = True) -> AsyncIterator[Json]:
        """List records of all matches, in constant memory."""
        return reads.records(self._database, wanted, newest_first=newest_first)

    async def stats(
        self, bucket: Bucket | None = None, start: int | None = None, end: int | None = None
    ) -> Json:
        """Aggregate figures (contract §3.3), with `bucket` also by time; see `stats.stats`."""
        return await stats(self._database, bucket, start, end)

    async def storage(self) -> Json:
        """What the store takes on disk, and how far its search index is behind."""
        return await storage(self._database)

    async def count(self) -> int:
        """The number of stored trajectories."""
        async with self._database.read() as connection:
            return (await connection.execute(select(func.count()).select_from(trajectories))).scalar_one()

    async def delete(self, ids: Collection[str]) -> int:
        """Delete trajectories with all their parts; the number that was really deleted."""
        return await lifecycle.delete_some(self._database, ids)

    async def delete_all(self) -> int:
        """Delete every trajectory; the number that was really deleted."""
        return await lifecycle.delete_all(self._database)

    async def delete_matching(self, wanted: TrajectoryFilter) -> int:
        """Delete the trajectories that a filter means; the number that was really deleted."""
        return await lifecycle.delete_matching(self._database, wanted)

    async def delete_old(self) -> int:
        """Delete what is older than the configured retention, but no training data; how many there were."""
        days = self._settings.retention_days
        return 0 if days is None else await lifecycle.delete_old(self._database, days)

    async def expire_active(self) -> int:
        """Turn active trajectories without news for the configured time into `timeout`; how many there were."""
        return await lifecycle.expire(self._database, self._settings.trajectory_timeout_minutes)

    async def renew_statistics(self) -> int:
        """Tell the query planner where the tables have grown or shrunk a lot; how many rows it knows then, else 0."""
        return await lifecycle.renew_statistics(self._database)

    async def logging_enabled(self) -> bool:
        """Whether writes are stored: the persisted switch, unless the environment forbids storing."""
        if self._settings.trajectory_logging_forced_off:
            return False
        async with self._database.read() as connection:
            return await logging_switch.is_on(connection)

    async def set_logging(self, enabled: bool) -> None:
        """Turn the persisted switch; where the environment forbids storing, it stays without effect."""
        await logging_switch.switch(self._database, enabled)
