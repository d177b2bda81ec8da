"""Counters that stay exact, and the statistics and buckets that are read from them."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from trajectory_world import record
from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.ingest.counters import Deltas
from whetstone.trajectories.input.records import AnnotationInput, EndInput, LlmCallInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import llm_calls, trajectories, trajectory_counters
from whetstone.trajectories.upkeep.check import check

HOUR = 3_600_000


async def recounted(database: Database) -> dict[str, Any]:
    """The statistics as the rows themselves say."""
    rows = trajectories.c
    sums = ("step_count", "llm_call_count", "provider_access_count", "prompt_tokens", "completion_tokens")
    async with database.read() as connection:
        total = select(func.count(), *(func.coalesce(func.sum(rows[name]), 0) for name in sums))
        counts = (await connection.execute(total)).one()
        duration = await connection.scalar(select(func.avg(rows.duration_ms)))
        rewarded = select(rows.total_reward).where(rows.total_reward.is_not(None))
        # Not by the database: large rewards that cancel each other out would leave it nothing of the small ones.
        rewards = (await connection.execute(rewarded)).scalars().all()
        grouped = {}
        for name, column in (
            ("bySource", rows.source),
            ("byStatus", rows.status),
            ("byScenario", rows.scenario_id),
            ("byModel", llm_calls.c.model),
        ):
            query = select(column, func.count()).where(column.is_not(None)).group_by(column)
            grouped[name] = {row[0]: row[1] for row in await connection.execute(query)}
    names = (
        "totalTrajectories",
        "totalSteps",
        "totalLlmCalls",
        "totalProviderAccesses",
        "totalPromptTokens",
        "totalCompletionTokens",
    )
    return {
        **dict(zip(names, map(int, counts), strict=True)),
        "averageDurationMs": pytest.approx(float(duration or 0), abs=1e-6),
        "averageReward": pytest.approx(math.fsum(rewards) / (len(rewards) or 1), abs=1e-6, rel=1e-12),
        **grouped,
    }


async def assert_exact(store: TrajectoryStore, database: Database) -> None:
    found = await store.stats()
    expected = await recounted(database)
    assert {name: found[name] for name in expected} == expected
    report = await check(database)
    assert report.examples == []
    assert not report.differences


def change(seed: random.Random) -> dict[str, Any]:
    """A trajectory, or a part of one, whose id is one of few."""
    return {
        "id": f"t-{seed.randrange(6)}",
        **seed.choice([{}, {"source": seed.choice(["chat", "api"])}]),
        **seed.choice([{}, {"status": seed.choice(["completed", "error", "active", "timeout"])}]),
        **seed.choice([{}, {"startTime": seed.randrange(1, 40 * HOUR)}]),
        **seed.choice([{}, {"endTime": seed.randrange(1, 80 * HOUR)}]),
        **seed.choice([{}, {"totalReward": seed.choice([0, -1, 0.1, 1e12, -1e12, 1e-9, 0.123456])}]),
        **seed.choice([{}, {"scenarioId": seed.choice(["s-1", "s-2"])}]),
        "llmCalls": [
            {
                "callId": f"c-{seed.randrange(20)}",
                "model": seed.choice(["gpt", "llama"]),
                "promptTokens": seed.randrange(1000),
                "completionTokens": seed.choice([None, 7]),
                "systemPrompt": seed.choice(["", "a", "b"]),
                "purpose": seed.choice(["response", "should_respond"]),
                "response": seed.choice(["", "yes"]),
                **seed.choice([{}, {"finishReason": "error"}]),
            }
            for _ in range(seed.randrange(3))
        ],
        "providerAccesses": [{"accessId": f"p-{seed.randrange(5)}"} for _ in range(seed.randrange(2))],
        "toolEvents": [{"id": f"e-{seed.randrange(5)}", "success": seed.choice([True, False])}],
    }


async def act(store: TrajectoryStore, seed: random.Random) -> None:
    identifier = f"t-{seed.randrange(6)}"
    match seed.randrange(9):
        case 0 | 1 | 2:
            await store.add([record(change(seed)) for _ in range(seed.randrange(1, 5))])
        case 3:
            calls = [LlmCallInput(model="late", prompt_tokens=seed.randrange(9)) for _ in range(2)]
            await store.add_llm_calls(identifier, calls)
        case 4:
            await store.annotate(identifier, AnnotationInput(reward=seed.choice([0.5, -2, 1 / 3])))
        case 5:
            await store.end(identifier, EndInput(status=seed.choice(["completed", "error"])))
        case 6:
            await store.delete([identifier, f"t-{seed.randrange(6)}"])
        case 7:
            await store.delete_matching(TrajectoryFilter(status=seed.choice(["error", "active"])))
        case _:
            await store.expire_active()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_counters_are_exact_after_any_sequence(
    store: TrajectoryStore, database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        await act(store, chance)
        if chance.random() < 0.3:
            await assert_exact(store, database)
    await assert_exact(store, database)
    await store.delete_all()
    await assert_exact(store, database)
    async with database.read() as connection:
        assert (await connection.execute(select(trajectory_counters))).all() == []


async def test_counters_are_exact_after_concurrent_writers(database: Database, settings: Settings) -> None:
    stores = [
        TrajectoryStore(database, settings.model_copy(update={"trajectory_timeout_minutes": 1e-9}), tasks_of)
        for _ in range(6)
    ]

    async def work(store: TrajectoryStore, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            await act(store, chance)

    await asyncio.gather(*(work(store, seed) for seed, store in enumerate(stores)))
    await assert_exact(stores[0], database)
    report = await check(database, tasks_of)
    assert report.examples == []


async def test_buckets_add_up_hours_and_days(store: TrajectoryStore) -> None:
    start = 1_770_000_000_000 // (24 * HOUR) * 24 * HOUR

    def at(hour: float, **members: Any) -> dict[str, Any]:
        moment = start + int(hour * HOUR)
        return {"id": f"t-{hour}", "startTime": moment, **members}

    call = {"promptTokens": 10, "completionTokens": 2}
    await store.add(
        [
            record(at(0.5, endTime=start + HOUR, status="completed", totalReward=1, llmCalls=[call, call])),
            record(at(0.75, endTime=start + HOUR, status="error", totalReward=0.5)),
            record(at(5, llmCalls=[call])),
            record(at(25, status="timeout", endTime=start + 26 * HOUR)),
        ]
    )

    hours = (await store.stats("hour"))["buckets"]
    assert [(each["startMs"] - start) // HOUR for each in hours] == [0, 5, 25]
    assert hours[0] == {
        "start": "2026-02-02T00:00:00.000Z",
        "startMs": start,
        "trajectories": 2,
        "llmCalls": 2,
        "promptTokens": 20,
        "completionTokens": 4,
        "failed": 1,
        "averageDurationMs": HOUR * 3 / 8,
        "averageReward": 0.75,
    }
    assert (hours[1]["averageDurationMs"], hours[1]["averageReward"]) == (None, None)
    days = (await store.stats("day"))["buckets"]
    assert [(each["trajectories"], each["failed"]) for each in days] == [(3, 1), (1, 1)]
    part = await store.stats("hour", start + 5 * HOUR, start + 24 * HOUR)
    assert [each["startMs"] for each in part["buckets"]] == [start + 5 * HOUR]
    assert part["totalTrajectories"] == 4
    assert "buckets" not in await store.stats()


async def test_large_rewards_add_up_without_loss(store: TrajectoryStore) -> None:
    await store.add([record({"id": f"t-{n}", "totalReward": 1e12}) for n in range(50)])
    await store.add([record({"id": "small", "totalReward": 0.000_001})])
    assert (await store.stats())["averageReward"] == pytest.approx((50e12 + 1e-6) / 51)
    await store.delete([f"t-{n}" for n in range(50)])
    assert (await store.stats())["averageReward"] == 1e-6


async def test_differences_are_taken_once(database: Database) -> None:
    deltas = Deltas()
    deltas.calls([{"model": "m", "prompt_tokens": 3}])
    async with database.write() as connection:
        await deltas.write(connection, database)
        await deltas.write(connection, database)
    async with database.read() as connection:
        row = (await connection.execute(select(trajectory_counters))).mappings().one()
    assert (row["dimension"], row["value"], row["llm_calls"], row["prompt_tokens"]) == ("model", "m", 1, 3)


async def test_check_finds_and_repairs_what_does_not_agree(database: Database, settings: Settings) -> None:
    store = TrajectoryStore(database, settings, tasks_of)
    await store.add([record({"id": "t", "llmCalls": [{"callId": "c", "model": "m", "response": "yes"}]})])
    before = await store.stats()
    async with database.write() as connection:
        await connection.execute(update(trajectories).values(llm_call_count=7, error_count=2))
        await connection.execute(update(trajectory_counters).values(trajectories=9))
        await connection.exec_driver_sql("DELETE FROM trajectory_labels WHERE kind = 'task'")
        await connection.exec_driver_sql("UPDATE trajectory_labels SET value = 'other' WHERE kind = 'model'")
        await connection.exec_driver_sql("DELETE FROM trajectory_counters WHERE dimension = 'hour'")

    found = await check(database, tasks_of)
    assert not found.clean
    assert found.differences.keys() == {"rollup", "label", "counter"}
    assert "rollup: llm_call_count of t is 7, but 1 by its rows" in found.examples
    assert not (await check(database, tasks_of)).clean, "looking alone must change nothing"

    assert (await check(database, tasks_of, repair=True)).clean
    assert not (await check(database, tasks_of)).differences
    assert await store.stats() == before
