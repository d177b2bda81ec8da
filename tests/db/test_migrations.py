"""Migrations with rows in the tables: nothing is lost on the way up, down, and up again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import command

from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database
from whetstone.db.migrate import alembic_config, is_current
from whetstone.settings import Settings
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import search_queue, shared_texts, trajectories, trajectory_labels
from whetstone.trajectories.upkeep.check import check

START = 1_770_000_000_000
CALLS = 1_100  # of one trajectory: more than the migration reads at once
Rows = dict[str, list[dict[str, Any]]]


async def migrate(database: Database, revision: str) -> None:
    async with database.write() as connection:
        if revision == "base" or revision < await connection.run_sync(_revision):
            await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), revision))
        else:
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), revision))


def _revision(connection: sa.Connection) -> str:
    found = sa.inspect(connection).has_table("alembic_version")
    version = sa.text("SELECT coalesce(max(version_num), '') FROM alembic_version")
    return str(connection.execute(version).scalar()) if found else ""


def _reflected(connection: sa.Connection) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(connection)
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, sa.JSON):
                column.type.none_as_null = True
    return found


async def insert(database: Database, rows: Rows) -> None:
    async with database.write() as connection:
        tables = (await connection.run_sync(_reflected)).tables
        for name, values in rows.items():
            await connection.execute(sa.insert(tables[name]), values)


async def contents(database: Database) -> Rows:
    """All rows of all tables."""
    async with database.read() as connection:
        found = await connection.run_sync(_reflected)
        return {
            table.name: [
                dict(row)
                for row in (
                    await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
                ).mappings()
            ]
            for table in found.sorted_tables
            if table.name != "alembic_version"
        }


def trajectory(key: int, **columns: Any) -> dict[str, Any]:
    return {
        "key": key,
        "id": f"t-{key}",
        "agent_id": "a",
        "source": "chat",
        "status": "completed",
        "start_time": START + key * 3_600_000,
        "start_time_given": True,
        "end_time": None,
        "duration_ms": None,
        "step_count": 1,
        "llm_call_count": 1,
        "provider_access_count": 0,
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "total_reward": None,
        "reward_components": {},
        "is_training_data": False,
        "scenario_id": None,
        "metrics": {},
        "metadata": {"n": key},
        "annotation": {},
        "created_at": START,
        "updated_at": START,
        **columns,
    }


def call(key: int, owner: int, **columns: Any) -> dict[str, Any]:
    return {
        "key": key,
        "trajectory_key": owner,
        "step_key": owner,
        "call_id": f"c-{key}",
        "position": 0,
        "timestamp": START,
        "model": "gpt",
        "purpose": "response",
        "action_type": "runtime.useModel",
        "step_type": "response",
        "tags": ["llm"],
        "system_prompt": "You are a helper.",
        "user_prompt": "Hi 🙂",
        "tools": None,
        "response": "Hello",
        "temperature": 0.5,
        "max_tokens": 100,
        "latency_ms": 1.5,
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "finish_reason": None,
        "extra": {},
        "created_at": START,
        **columns,
    }


def rows_of_before() -> Rows:
    tools = [{"name": "search", "parameters": {"type": "object", "minimum": 0.5}}]
    headers = [
        trajectory(1, duration_ms=1500, end_time=START + 5_000_000, total_reward=0.123456),
        trajectory(2, status="error", scenario_id="s", total_reward=-1e12, duration_ms=7),
        trajectory(3, source="api", status="active", scenario_id="s"),
        trajectory(4, llm_call_count=CALLS, prompt_tokens=10 * CALLS, completion_tokens=2 * CALLS),
        trajectory(5, step_count=0, llm_call_count=0, prompt_tokens=0, completion_tokens=0),
    ]
    calls = [
        call(1, 1, tools=tools, correction={"text": "Good day"}),
        call(2, 2, model="llama", system_prompt="", finish_reason="error"),
        call(3, 3, tools=tools, system_prompt='[{"name": "looks like tools"}]'),
        *(call(10 + n, 4, system_prompt=f"prompt {n % 700}") for n in range(CALLS)),
    ]
    steps = [
        {"key": n, "trajectory_key": n, "step_id": "s", "kind": "llm", "timestamp": START, "extra": {}}
        for n in range(1, 5)
    ]
    return {
        "trajectories": headers,
        "steps": [step | {"timestamp_given": False} for step in steps],
        "llm_calls": [{"correction": None} | each for each in calls],
        "trajectory_settings": [{"name": "enabled", "value": True}],
    }


async def told(database: Database, settings: Settings) -> tuple[list[Any], Any]:
    store = TrajectoryStore(database, settings, tasks_of)
    return [each async for each in store.stream(TrajectoryFilter())], await store.stats("day")


async def test_rows_survive_up_down_and_up_again(database: Database, settings: Settings) -> None:
    await migrate(database, "base")
    await migrate(database, "0001")
    await insert(database, rows_of_before())
    before = await contents(database)
    assert len(before["llm_calls"]) == CALLS + 3

    await migrate(database, "head")
    first = await told(database, settings)
    documents, stats = first
    assert {each["trajectoryId"] for each in documents} == {f"t-{n}" for n in range(1, 6)}
    by_id = {each["trajectoryId"]: each for each in documents}
    corrected = by_id["t-1"]["steps"][0]["llmCalls"][0]
    assert corrected["systemPrompt"] == "You are a helper."
    assert corrected["tools"][0]["parameters"]["minimum"] == 0.5
    prompts = [each["systemPrompt"] for each in by_id["t-4"]["steps"][0]["llmCalls"]]
    assert sorted(prompts) == sorted(f"prompt {n % 700}" for n in range(CALLS))
    assert (stats["totalLlmCalls"], stats["byStatus"]["error"]) == (CALLS + 3, 1)
    assert stats["byModel"] == {"gpt": CALLS + 2, "llama": 1}
    assert stats["averageReward"] == (0.123456 - 1e12) / 2

    await migrate(database, "0001")
    assert await contents(database) == before
    await migrate(database, "head")
    assert await told(database, settings) == first


async def test_upgrade_fills_what_is_derived(database: Database, settings: Settings) -> None:
    await migrate(database, "0001")
    await insert(database, rows_of_before())
    await migrate(database, "head")
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.check(alembic_config(sync)))
        assert await connection.run_sync(is_current)
        # 700 prompts and 3 others, tool definitions included.
        assert await connection.scalar(sa.select(sa.func.count()).select_from(shared_texts)) == 703
        models = sa.select(sa.func.count()).where(trajectory_labels.c.kind == "model")
        assert await connection.scalar(models) == 4
        queued = sa.select(search_queue.c.trajectory_key).order_by(search_queue.c.key)
        assert (await connection.execute(queued)).scalars().all() == [1, 2, 3, 4, 5]
        tokens = sa.select(trajectories.c.total_tokens).order_by(trajectories.c.key)
        assert (await connection.execute(tokens)).scalars().all() == [12, 12, 12, 12 * CALLS, 0]

    found = await check(database)
    assert found.examples == ["rollup: error_count of t-2 is 0, but 1 by its rows"]
    assert (await check(database, tasks_of, repair=True)).clean
    assert not (await check(database, tasks_of)).differences
    store = TrajectoryStore(database, settings, tasks_of)
    assert (await store.list(TrajectoryFilter(task="response"), 1, 0))[1] == 4


async def test_deleting_everything_that_was_upgraded_leaves_nothing(
    database: Database, settings: Settings
) -> None:
    await migrate(database, "0001")
    await insert(database, rows_of_before())
    await migrate(database, "head")
    assert await TrajectoryStore(database, settings).delete_all() == 5
    left = {name: len(rows) for name, rows in (await contents(database)).items() if rows}
    assert left.keys() <= {"trajectory_settings", "search_queue"}
