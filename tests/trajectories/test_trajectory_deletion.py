"""Deletion by id, by filter, of everything and by age: exact, in chunks, and nothing is left behind."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from trajectory_world import record
from whetstone.clock import now_ms
from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database, metadata
from whetstone.settings import Settings
from whetstone.trajectories.input.records import AnnotationInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.search.queue import queue_for_search
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import search_queue, shared_texts, trajectories
from whetstone.trajectories.upkeep import lifecycle
from whetstone.trajectories.upkeep.check import check
from whetstone.trajectories.upkeep.housekeeping import housekeeping

DAY = 86_400_000


def full(identifier: str, **members: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "llmCalls": [
            {"systemPrompt": "shared", "tools": [{"name": "x"}], "response": "yes"},
            {"systemPrompt": f"only {identifier}", "response": "no"},
        ],
        "providerAccesses": [{}],
        "toolEvents": [{"type": "x"}],
        "metadata": {"tags": ["tag"]},
        **members,
    }


async def add(store: TrajectoryStore, *identifiers: str, **members: Any) -> None:
    await store.add([record(full(identifier, **members)) for identifier in identifiers])


async def row_counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        counts = {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count and name != "search_queue"}


async def assert_agrees(database: Database) -> None:
    report = await check(database, tasks_of)
    assert report.examples == []
    assert not report.differences


@pytest.fixture
def store(database: Database, settings: Settings) -> TrajectoryStore:
    return TrajectoryStore(database, settings, tasks_of)


async def test_nothing_is_left_of_what_was_deleted(store: TrajectoryStore, database: Database) -> None:
    await add(store, "a", "b", "c")
    await store.annotate("a", AnnotationInput.model_validate({"scores": [{"name": "x", "value": 1}]}))
    assert await store.delete(["a", "no"]) == 1
    await assert_agrees(database)
    async with database.read() as connection:
        bodies = set((await connection.execute(select(shared_texts.c.body))).scalars())
    assert bodies == {"shared", "only b", "only c", '[{"name":"x"}]'}
    assert await store.delete_all() == 2
    assert await row_counts(database) == {}
    assert await store.delete_all() == 0


async def test_deleted_trajectories_are_queued_for_the_index(
    store: TrajectoryStore, database: Database
) -> None:
    await add(store, "a", "b")
    async with database.read() as connection:
        keys = select(trajectories.c.key).where(trajectories.c.id == "a")
        key = await connection.scalar(keys)
        last = await connection.scalar(select(func.max(search_queue.c.key))) or 0
    await store.delete(["a"])
    async with database.read() as connection:
        queued = select(search_queue.c.trajectory_key).where(search_queue.c.key > last)
        assert (await connection.execute(queued)).scalars().all() == [key]


async def test_many_are_deleted_over_several_transactions(
    store: TrajectoryStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_CHUNK", 7)
    monkeypatch.setattr(lifecycle, "_CHUNK_CALLS", 9)
    await add(store, *(f"t-{n}" for n in range(50)), status="completed")
    await store.add([record({"id": "big", "status": "error", "llmCalls": [{} for _ in range(40)]})])
    assert await store.delete_matching(TrajectoryFilter(status="completed", model="unknown")) == 50
    assert await store.count() == 1
    await assert_agrees(database)
    assert await store.delete_all() == 1
    assert await row_counts(database) == {}


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (TrajectoryFilter(status="error"), {"plain", "trained"}),
        (TrajectoryFilter(search="only TRAINED"), {"plain", "failed"}),
        (TrajectoryFilter(search="only", status="error"), {"plain", "trained"}),
        (TrajectoryFilter(is_training_data=True), {"plain", "failed"}),
        (TrajectoryFilter(min_reward=0.5), {"plain", "failed"}),
        (TrajectoryFilter(has_error=False, source="chat"), {"failed"}),
        (TrajectoryFilter(task="response"), set()),
        (TrajectoryFilter(search="nowhere"), {"plain", "failed", "trained"}),
    ],
)
async def test_a_filter_deletes_what_the_list_shows(
    store: TrajectoryStore, database: Database, wanted: TrajectoryFilter, left: set[str]
) -> None:
    await add(store, "plain")
    await add(store, "failed", status="error")
    await add(store, "trained", isTrainingData=True, totalReward=0.75)
    _, total = await store.list(wanted, 10, 0)
    assert await store.delete_matching(wanted) == total == 3 - len(left)
    records, _ = await store.list(TrajectoryFilter(), 10, 0)
    assert {each["id"] for each in records} == left
    await assert_agrees(database)


async def test_what_no_longer_matches_stays(
    store: TrajectoryStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(store, "a", "b", status="error")
    found = lifecycle._find

    async def find_then_change(*arguments: Any, **options: Any) -> Any:
        keys = await found(*arguments, **options)
        async with database.write() as connection:
            await connection.execute(
                update(trajectories).where(trajectories.c.id == "b").values(status="completed")
            )
        return keys

    monkeypatch.setattr(lifecycle, "_find", find_then_change)
    assert await store.delete_matching(TrajectoryFilter(status="error")) == 1
    assert await store.get("b") is not None


async def test_writers_and_deletions_at_once_stay_exact(database: Database, settings: Settings) -> None:
    stores = [TrajectoryStore(database, settings, tasks_of) for _ in range(4)]

    async def write(store: TrajectoryStore, name: int) -> None:
        for n in range(15):
            await add(store, f"t-{name}-{n}", f"t-{n}")

    async def remove(store: TrajectoryStore) -> int:
        deleted = 0
        for n in range(12):
            deleted += await store.delete([f"t-{n}", f"t-0-{n}"])
            deleted += await store.delete_all() if n % 4 == 3 else 0
        return deleted

    work = [write(stores[0], 0), write(stores[1], 1), remove(stores[2]), remove(stores[3])]
    await asyncio.gather(*work)
    await assert_agrees(database)
    await stores[0].delete_all()
    assert await row_counts(database) == {}


async def test_writers_do_not_wait_for_a_large_deletion(store: TrajectoryStore) -> None:
    for start in range(0, 1500, 500):
        await add(store, *(f"t-{n}" for n in range(start, start + 500)))
    deletion = asyncio.create_task(store.delete_all())
    waits: list[float] = []
    while not deletion.done():
        begun = time.monotonic()
        await store.add([record({"id": f"new-{len(waits)}"})])
        waits.append(time.monotonic() - begun)
    assert await deletion >= 1500
    assert len(waits) > 3, "many small writes happened meanwhile"
    assert await store.count() <= len(waits)


async def age(database: Database, days: float, *identifiers: str) -> None:
    async with database.write() as connection:
        statement = update(trajectories).where(trajectories.c.id.in_(identifiers))
        await connection.execute(statement.values(updated_at=now_ms() - int(days * DAY)))


async def test_retention_spares_training_data_and_is_off_by_default(
    database: Database, settings: Settings, store: TrajectoryStore
) -> None:
    await add(store, "old", "young", status="completed")
    await add(store, "marked", status="completed", isTrainingData=True)
    await age(database, 31, "old", "marked")
    await age(database, 29, "young")
    assert await store.delete_old() == 0

    keeping = TrajectoryStore(database, settings.model_copy(update={"retention_days": 30}), tasks_of)
    async with housekeeping(keeping):
        for _ in range(500):
            if await keeping.count() == 2:
                break
            await asyncio.sleep(0.02)
    records, _ = await keeping.list(TrajectoryFilter(), 10, 0)
    assert {each["id"] for each in records} == {"young", "marked"}
    await assert_agrees(database)


async def test_expiry_counts_and_queues(database: Database, settings: Settings) -> None:
    store = TrajectoryStore(database, settings, tasks_of)
    await add(store, *(f"t-{n}" for n in range(5)))
    await age(database, 1, *(f"t-{n}" for n in range(4)))
    assert await store.expire_active() == 4
    assert (await store.stats())["byStatus"] == {"active": 1, "timeout": 4}
    await assert_agrees(database)


async def test_storage_tells_bytes_rows_and_lag(store: TrajectoryStore, database: Database) -> None:
    assert (await store.storage())["trajectories"] == 0
    await add(store, *(f"t-{n}" for n in range(20)))
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM search_queue"))
        await queue_for_search(connection, [1, 2], now_ms() - 5_000)
    report = await store.storage()
    assert report["databaseBytes"] > 100_000
    assert 0 <= report["freeBytes"] <= report["databaseBytes"]
    assert (report["trajectories"], report["llmCalls"]) == (20, 40)
    assert report["search"]["pending"] == 2
    assert 5_000 <= report["search"]["oldestPendingMs"] < 60_000
    assert (report["walBytes"] > 0) == (database.dialect == "sqlite")
