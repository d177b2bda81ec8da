"""An import: the files' trajectories go into the database, to a running service, or nowhere (a dry run)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import ValidationError

from whetstone.client import WhetstoneClient
from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database
from whetstone.errors import InvalidInputError
from whetstone.preflight import prepare_database, prepare_state_directory
from whetstone.settings import Settings
from whetstone.trajectories.importers import Found, Source, read
from whetstone.trajectories.importers.bulk import Tally, store_batch
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore

# A batch ends with either. Calls repeat what was said before them: a few hundred are megabytes.
_BATCH_RECORDS = 200
_BATCH_CALLS = 500

Json = dict[str, Any]
Taken = tuple[str, TrajectoryInput]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What all imported trajectories shall say of themselves, whatever their file says."""

    agent_id: str | None = None
    source: str | None = None
    batch_id: str | None = None
    tags: Sequence[str] = ()

    def apply(self, trajectory: Json) -> Json:
        """The trajectory with them."""
        said = {"agentId": self.agent_id, "source": self.source, "batchId": self.batch_id}
        changed = trajectory | {name: value for name, value in said.items() if value is not None}
        if self.tags:
            tags = trajectory.get("tags")
            changed["tags"] = [*(tags if isinstance(tags, list) else []), *self.tags]
        return changed


class ImportRun:
    """Reads files one after the other; `tally` says what became of their records so far.

    A file that cannot be read at all is counted as one bad record. `on_progress(source)` is called now and then.
    """

    def __init__(
        self,
        files: Sequence[Source],
        format_name: str = "auto",
        overrides: Overrides | None = None,
        on_progress: Callable[[Source], None] = lambda _source: None,
    ) -> None:
        self.tally = Tally[str]()
        self._files = files
        self._format = format_name
        self._overrides = overrides or Overrides()
        self._on_progress = on_progress

    def dry(self) -> None:
        """Read and check everything, and store nothing."""
        for _, record in self._taken():
            self.tally.count += 1
            self.tally.created += 1
            self.tally.llm_calls += _calls(record)
            self.tally.provider_accesses += _accesses(record)

    async def into_database(self, settings: Settings) -> None:
        """Store everything in the configured database; a service may be running on it.

        Raises UnavailableError when the state folder or the database cannot be used.
        """
        prepare_state_directory(settings)
        await prepare_database(settings)
        database = Database(settings.sqlalchemy_url())
        await database.open()
        try:
            store = TrajectoryStore(database, settings, tasks_of)
            taken = self._taken()
            while batch := await asyncio.to_thread(_batch, taken):
                await store_batch(store, batch, self.tally)
        finally:
            await database.close()

    def to_service(self, client: WhetstoneClient) -> None:
        """Send everything to a running service. Raises WhetstoneClientError."""
        places: list[tuple[int, str]] = []  # of the first trajectories, whose refusals are shown

        def sent() -> Iterator[Json]:
            for number, (found, _) in enumerate(self._checked(), start=1):
                if len(places) < _PLACES:
                    places.append((number, found.where))
                assert found.trajectory is not None  # noqa: S101 - checked ones have it
                yield found.trajectory

        trajectories = sent()
        first = next(trajectories, None)
        if first is None:
            return
        answer = client.upload(_chained(first, trajectories))
        names = dict(places)
        for error in answer["errors"]:
            self.tally.refuse(names.get(error["line"], f"trajectory {error['line']}"), error["error"])
        self.tally.rejected += answer["rejected"] - len(answer["errors"])
        self.tally.count += answer["count"]
        self.tally.stored &= answer["stored"]
        self.tally.created += answer["created"]
        self.tally.updated += answer["updated"]
        self.tally.llm_calls += answer["llmCalls"]
        self.tally.provider_accesses += answer["providerAccesses"]

    def _taken(self) -> Iterator[Taken]:
        for found, record in self._checked():
            yield found.where, record

    def _checked(self) -> Iterator[tuple[Found, TrajectoryInput]]:
        """All trajectories that can be stored; the others are counted."""
        for source in self._files:
            try:
                for found in read(source, self._format):
                    place = f"{source.name}, {found.where}"
                    self._on_progress(source)
                    if found.trajectory is None:
                        self.tally.refuse(place, found.problem or "")
                        continue
                    trajectory = self._overrides.apply(found.trajectory)
                    try:
                        record = TrajectoryInput.model_validate(trajectory)
                    except ValidationError as error:
                        self.tally.refuse(place, _sentence(error))
                        continue
                    yield Found(place, trajectory), record
            except InvalidInputError as error:
                self.tally.refuse(source.name, error.message.removeprefix(f"{source.name}: "))
            self._on_progress(source)


_PLACES = 100_000


def _chained(first: Json, others: Iterator[Json]) -> Iterator[Json]:
    yield first
    yield from others


def _batch(taken: Iterator[Taken]) -> list[Taken]:
    batch, calls = [], 0
    for each in islice(taken, _BATCH_RECORDS):
        batch.append(each)
        calls += _calls(each[1])
        if calls >= _BATCH_CALLS:
            break
    return batch


def _calls(record: TrajectoryInput) -> int:
    return len(record.llm_calls) + sum(len(step.llm_calls) for step in record.steps)


def _accesses(record: TrajectoryInput) -> int:
    return len(record.provider_accesses) + sum(len(step.provider_accesses) for step in record.steps)


def _sentence(error: ValidationError) -> str:
    """The first problem, without the value: it may be private."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
