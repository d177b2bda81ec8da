"""The trajectory store: everything that other rooms may ask of recorded trajectories."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

from sqlalchemy import func, select

from whetstone.db import Database
from whetstone.errors import NotFoundError
from whetstone.ids import new_id
from whetstone.settings import Settings
from whetstone.trajectories import changes, documents, lifecycle, logging_switch, reads
from whetstone.trajectories.changes import Change
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    TrajectoryInput,
)
from whetstone.trajectories.stats import stats
from whetstone.trajectories.tables import trajectories
from whetstone.trajectories.writes import IngestResult, ingest

Json = dict[str, Any]
Page = tuple[list[Json], int]
Describe = Callable[[int], list[Change]]


class TrajectoryStore:
    """Recorded trajectories in the database.

    Writes are one transaction each, durable when they return, idempotent by id, and independent of the order in
    which the parts of a trajectory arrive: a part of an unknown trajectory creates it as active. They raise
    InvalidInputError on an unusable id and ConflictError when two steps claim the same call. While logging is off
    they store nothing.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def add(self, batch: Sequence[TrajectoryInput]) -> IngestResult:
        """Store whole trajectories or starts of them; what is stored already is filled in, not repeated."""
        ids = [
            new_id("trajectory") if record.trajectory_id is None else record.trajectory_id for record in batch
        ]
        return await self._ingest(
            ids,
            lambda now: [
                changes.from_trajectory(record, identifier, now)
                for record, identifier in zip(batch, ids, strict=True)
            ],
        )

    async def add_llm_calls(self, trajectory_id: str, calls: Sequence[LlmCallInput]) -> IngestResult:
        """Append calls to a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest([identifier], lambda now: [changes.from_calls(identifier, calls, now)])

    async def add_provider_accesses(
        self, trajectory_id: str, accesses: Sequence[ProviderAccessInput]
    ) -> IngestResult:
        """Append provider accesses to a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest(
            [identifier], lambda now: [changes.from_accesses(identifier, accesses, now)]
        )

    async def annotate(self, trajectory_id: str, annotation: AnnotationInput) -> IngestResult:
        """Judge a trajectory and correct its calls; a correction waits for a call that has not arrived."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest([identifier], lambda _: [Change(identifier, annotation=annotation)])

    async def end(self, trajectory_id: str, end: EndInput) -> IngestResult:
        """End a trajectory."""
        identifier = changes.trajectory_id(trajectory_id)
        return await self._ingest([identifier], lambda _: [Change(identifier, end=end)])

    async def _ingest(self, ids: Sequence[str], describe: Describe) -> IngestResult:
        if self._settings.trajectory_logging_forced_off:
            return IngestResult(stored=False, ids=tuple(dict.fromkeys(ids)))
        return await ingest(self._database, describe)

    async def list(self, wanted: TrajectoryFilter, limit: int, offset: int) -> Page:
        """One page of list records (contract §3.1), newest first, and the number of all matches."""
        return await reads.page(self._database, wanted, limit, offset)

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

    async def stats(self) -> Json:
        """Aggregate figures (contract §3.3)."""
        return await stats(self._database)

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

    async def expire_active(self) -> int:
        """Turn active trajectories without news for the configured time into `timeout`; how many there were."""
        return await lifecycle.expire(self._database, self._settings.trajectory_timeout_minutes)

    async def logging_enabled(self) -> bool:
        """Whether writes are stored: the persisted switch, unless the environment forbids storing."""
        if self._settings.trajectory_logging_forced_off:
            return False
        async with self._database.read() as connection:
            return await logging_switch.is_on(connection)

    async def set_logging(self, enabled: bool) -> None:
        """Turn the persisted switch; where the environment forbids storing, it stays without effect."""
        await logging_switch.switch(self._database, enabled)
