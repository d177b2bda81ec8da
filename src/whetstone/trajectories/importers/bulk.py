"""Many trajectories from a file or a long request: stored batch by batch, with a tally of what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from whetstone.errors import ConflictError, InvalidInputError, OverloadedError
from whetstone.trajectories.ingest.writes import IngestResult
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore

BATCH_RECORDS = 200
BATCH_BYTES = 4 * 1024 * 1024
SHOWN_ERRORS = 20

# Seconds between two tries to hand a batch to a store that has too much to do.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

Place = TypeVar("Place")


@dataclass(slots=True)
class Tally(Generic[Place]):
    """What became of the records so far; `errors` are the first 20 refusals with the place of their record."""

    count: int = 0
    stored: bool = True
    created: int = 0
    updated: int = 0
    llm_calls: int = 0
    provider_accesses: int = 0
    rejected: int = 0
    errors: list[tuple[Place, str]] = field(default_factory=list)

    def refuse(self, place: Place, error: str) -> None:
        """Count a record that is left out."""
        self.rejected += 1
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append((place, error))

    def take(self, count: int, result: IngestResult) -> None:
        """Count a batch that is stored."""
        self.count += count
        self.stored &= result.stored
        self.created += result.created
        self.updated += result.updated
        self.llm_calls += result.llm_calls
        self.provider_accesses += result.provider_accesses

    def to_dict(self) -> dict[str, Any]:
        """The counts with the names of the wire, without the errors."""
        return {
            "count": self.count,
            "stored": self.stored,
            "created": self.created,
            "updated": self.updated,
            "llmCalls": self.llm_calls,
            "providerAccesses": self.provider_accesses,
            "rejected": self.rejected,
        }


async def store_batch(
    store: TrajectoryStore,
    batch: Sequence[tuple[Place, TrajectoryInput]],
    tally: Tally[Place],
    give_up: Callable[[], bool] = lambda: False,
) -> None:
    """Store `batch`, waiting while the store has too much to do; a record that clashes costs only itself.

    Raises OverloadedError when the store is busy and `give_up()` says not to wait.
    """
    if not batch:
        return
    try:
        result = await _patiently(store, [record for _, record in batch], give_up)
    except (ConflictError, InvalidInputError) as error:
        if len(batch) == 1:
            tally.refuse(batch[0][0], error.message)
            return
        middle = len(batch) // 2
        await store_batch(store, batch[:middle], tally, give_up)
        await store_batch(store, batch[middle:], tally, give_up)
        return
    tally.take(len(batch), result)


async def _patiently(
    store: TrajectoryStore, records: Sequence[TrajectoryInput], give_up: Callable[[], bool]
) -> IngestResult:
    pause = _FIRST_PAUSE
    while True:
        try:
            return await store.add(records)
        except OverloadedError:
            if give_up():
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
