"""The logging switch, expiry and deletion."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    TrajectoryInput,
)
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectory_events


def full(identifier: str, **members: object) -> TrajectoryInput:
    return TrajectoryInput.model_validate(
        {
            "id": identifier,
            "llmCalls": [{}],
            "providerAccesses": [{}],
            "events": [{"type": "x"}],
            **members,
        }
    )


async def parts(database: Database) -> list[int]:
    async with database.read() as connection:
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (steps, llm_calls, provider_accesses, trajectory_events)
        ]


async def test_switch_persists_and_nothing_is_stored_while_off(
    store: TrajectoryStore, database: Database, settings: Settings
) -> None:
    assert await store.logging_enabled()
    await store.set_logging(False)
    again = TrajectoryStore(database, settings)
    assert not await again.logging_enabled()

    results = [
        await again.add([full("t")]),
        await again.add_llm_calls("t", [LlmCallInput()]),
        await again.add_provider_accesses("t", [ProviderAccessInput()]),
        await again.annotate("t", AnnotationInput(reward=1)),
        await again.end("t", EndInput()),
    ]

    assert {result.stored for result in results} == {False}
    assert await store.count() == 0
    await again.set_logging(True)
    assert (await store.add([full("t")])).stored
    assert await store.count() == 1


async def test_environment_wins_over_the_switch(database: Database, settings: Settings) -> None:
    for name in ({"disable_trajectory_logging": True}, {"node_env": "test"}):
        forced = TrajectoryStore(database, settings.model_copy(update=name))
        await forced.set_logging(True)
        assert not await forced.logging_enabled()
        assert not (await forced.add([full("t")])).stored
        assert await forced.count() == 0


async def test_delete_counts_what_existed_and_takes_all_parts_along(
    store: TrajectoryStore, database: Database
) -> None:
    await store.add([full(name) for name in ("a", "b", "c", "d")])
    assert await parts(database) == [4, 4, 4, 4]

    assert await store.delete(["a", "b", "b", "gone", "\x00"]) == 2
    assert await store.delete([]) == 0
    assert await store.delete([f"none-{n}" for n in range(40_000)]) == 0
    assert await parts(database) == [2, 2, 2, 2]
    assert await store.get("a") is None

    assert await store.delete_all() == 2
    assert await store.delete_all() == 0
    assert await parts(database) == [0, 0, 0, 0]


async def test_only_silent_active_trajectories_time_out(database: Database, settings: Settings) -> None:
    store = TrajectoryStore(database, settings.model_copy(update={"trajectory_timeout_minutes": 0.005}))
    await store.add([full("silent", startTime=now_ms() - 50), full("done", status="completed"), full("busy")])
    await asyncio.sleep(0.35)
    await store.add_llm_calls("busy", [LlmCallInput(call_id="late")])

    assert await store.expire_active() == 1
    assert await store.expire_active() == 0

    rows, total = await store.list(TrajectoryFilter(status="timeout"), 10, 0)
    assert (total, rows[0]["id"]) == (1, "silent")
    assert 50 <= rows[0]["durationMs"] < 300
    await store.end("silent", EndInput())
    detail = await store.detail("silent")
    assert detail["trajectory"]["status"] == "completed"
    assert detail["trajectory"]["durationMs"] >= 400
