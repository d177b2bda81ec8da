"""Life of a dataset: quick and slow builds, events, failures, restarts, and ids that cannot be trusted."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dataset_documents import Json, decide, ingest, reply, trajectory
from whetstone.datasets import tables
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.errors import NotFoundError
from whetstone.settings import Settings
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore


class HeldStore(TrajectoryStore):
    """A store that gives its documents only after `go` is set, or breaks."""

    def __init__(self, database: Database, settings: Settings, error: Exception | None = None) -> None:
        super().__init__(database, settings)
        self.go = asyncio.Event()
        self.error = error

    async def stream(self, wanted: TrajectoryFilter, **options: Any) -> AsyncIterator[Json]:
        """Documents, when it is time."""
        await self.go.wait()
        if self.error is not None:
            raise self.error
        async for document in super().stream(wanted, **options):
            yield document


def content(folder: Path) -> list[str]:
    """Names of all files and folders below."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_a_small_store_is_ready_at_once(database: Database, settings: Settings) -> None:
    trajectories = TrajectoryStore(database, settings)
    announced: list[Json] = []

    async def on_built(record: Json) -> None:
        announced.append(record)

    store = DatasetStore(database, settings, trajectories, on_built)
    await ingest(trajectories, [trajectory(f"t-{i}", [decide(f"Question {i}?")]) for i in range(5)])
    record = await store.start_build(BuildOptions())
    assert (record["status"], record["sampleCount"]) == ("ready", 5)
    assert announced == [record] == list(await store.list())
    second = await store.start_build(BuildOptions(limit=1))
    assert [item["id"] for item in await store.list()] == [second["id"], record["id"]]
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(tables.datasets)) == 2


async def test_a_slow_build_goes_on_in_the_background(sqlite: Database, settings: Settings) -> None:
    trajectories = HeldStore(sqlite, settings)
    await ingest(trajectories, [trajectory("t", [decide("Hello?")])])
    announced: asyncio.Queue[Json] = asyncio.Queue()
    store = DatasetStore(sqlite, settings, trajectories, announced.put)
    started = time.monotonic()
    record = await store.start_build(BuildOptions())
    assert 0.5 < time.monotonic() - started < 3
    assert (record["status"], record["sampleCount"], record["taskCounts"]) == ("building", 0, {})
    assert not store.directory(record["id"]).exists()
    assert announced.empty()
    trajectories.go.set()
    ready = await asyncio.wait_for(announced.get(), 10)
    assert (ready["id"], ready["status"], ready["sampleCount"]) == (record["id"], "ready", 1)
    assert store.directory(record["id"]).is_dir()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "could not be written: No space left on device"),
        (RuntimeError("secret text"), r"RuntimeError\); the service's log"),
        (NotFoundError("The store is gone"), "The store is gone"),
    ],
)
async def test_a_failed_build_says_why_and_leaves_nothing(
    sqlite: Database, settings: Settings, error: Exception, reason: str
) -> None:
    trajectories = HeldStore(sqlite, settings, error)
    trajectories.go.set()
    announced: list[Json] = []

    async def on_built(record: Json) -> None:
        announced.append(record)

    store = DatasetStore(sqlite, settings, trajectories, on_built)
    record = await store.build(BuildOptions())
    assert record["status"] == "failed"
    assert "secret text" not in record["error"]
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(record["error"])
    assert announced == []
    assert content(settings.training_dir / "datasets") == []


async def test_an_announcement_that_breaks_does_not_spoil_the_dataset(
    sqlite: Database, settings: Settings
) -> None:
    async def on_built(record: Json) -> None:
        raise RuntimeError("nobody listens")

    store = DatasetStore(sqlite, settings, TrajectoryStore(sqlite, settings), on_built)
    assert (await store.build(BuildOptions()))["status"] == "ready"


async def test_closing_stops_builds(sqlite: Database, settings: Settings) -> None:
    trajectories = HeldStore(sqlite, settings)
    store = DatasetStore(sqlite, settings, trajectories)
    record = await store.start_build(BuildOptions())
    await store.close()
    stopped = await store.get(record["id"])
    assert stopped is not None
    assert (stopped["status"], content(settings.training_dir / "datasets")) == ("failed", [])
    assert "build it again" in stopped["error"]


_BUILD_AND_HANG = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataset_documents import decide, ingest, trajectory
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore

class Endless(TrajectoryStore):
    async def stream(self, wanted, **options):
        while True:
            async for document in super().stream(wanted, **options):
                yield document

async def main():
    settings = Settings(_env_file=None, state_dir=sys.argv[1])
    database = Database(settings.sqlalchemy_url())
    await database.open()
    trajectories = Endless(database, settings)
    await ingest(trajectories, [trajectory(f"t-{i}", [decide(f"q {i}")]) for i in range(20)])
    await DatasetStore(database, settings, trajectories).build(BuildOptions(limit=1))
    record = await DatasetStore(database, settings, trajectories).start_build(BuildOptions(limit=5000))
    print(record["status"], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_process_killed_in_mid_build_leaves_a_failed_record_and_no_files(settings: Settings) -> None:
    child = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", _BUILD_AND_HANG, str(settings.state_dir), str(Path(__file__).parents[1])],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout:
        assert await asyncio.to_thread(child.stdout.readline) == "building\n"
        child.send_signal(signal.SIGKILL)
    root = settings.training_dir / "datasets"
    assert any(name.endswith(".building") for name in content(root))
    database = Database(settings.sqlalchemy_url())
    await database.open()
    try:
        store = DatasetStore(database, settings, TrajectoryStore(database, settings))
        killed, finished = await store.list()
        assert (killed["status"], finished["status"]) == ("building", "ready")
        await store.recover()
        killed, finished = await store.list()
        assert (killed["status"], finished["status"]) == ("failed", "ready")
        assert "build it again" in killed["error"]
        assert content(root) == [finished["id"]]
        await store.recover()
        assert content(root) == [finished["id"]]
    finally:
        await database.close()


@pytest.mark.parametrize(
    "dataset_id",
    [
        "..",
        "../dataset-1",
        "dataset-../x",
        "dataset-1/..",
        "/etc",
        "",
        "dataset-",
        "dataset-1\n",
        "dataset-\0",
        "x",
    ],
)
async def test_no_path_is_made_of_an_untrusted_id(datasets: DatasetStore, dataset_id: str) -> None:
    with pytest.raises(NotFoundError):
        datasets.directory(dataset_id)
    assert await datasets.get(dataset_id) is None


async def test_the_event_loop_stays_free_during_a_build(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    long_text = "A rather long story about many plants and their owners. " * 200
    await ingest(
        trajectories, [trajectory(f"t-{i}", [reply(f"{i} {long_text}", f"Answer {i}")]) for i in range(60)]
    )
    build = asyncio.create_task(datasets.build(BuildOptions()))
    longest = 0.0
    while not build.done():
        before = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - before)
    assert (await build)["status"] == "ready"
    assert longest < 0.5  # the loop shares two cores with the build and with whatever else runs here
