"""The commands `whetstone db copy`, `vacuum` and `check`, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import func, insert, select, update
from typer.testing import CliRunner

from trajectory_world import record
from whetstone.cli import app
from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database
from whetstone.db.checksums import Checksum
from whetstone.files import take_lock
from whetstone.jobs.tables import events
from whetstone.settings import Settings
from whetstone.trajectories.input.records import AnnotationInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import llm_calls, search_queue, trajectories

T = TypeVar("T")
Work = Callable[[Database, TrajectoryStore], Awaitable[T]]


def run(*arguments: str, state: Path, url: str | None = None) -> tuple[int, str]:
    environment = {"ELIZA_STATE_DIR": str(state), "DATABASE_URL": url or "", "NODE_ENV": ""}
    result = CliRunner().invoke(app, ["db", *arguments], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def within(url: str, work: Work[T]) -> T:
    async def inside() -> T:
        settings = Settings(_env_file=None, database_url=url)
        database = Database(settings.sqlalchemy_url())
        await database.open()
        try:
            return await work(database, TrajectoryStore(database, settings, tasks_of))
        finally:
            await database.close()

    return asyncio.run(inside())


async def fill(database: Database, store: TrajectoryStore) -> None:
    await store.add(
        [
            record(
                {
                    "id": f"t-{n}",
                    "source": "chat",
                    "metadata": {"z": 1.0, "a": [1e2, -0.5, 1e300, 2**53 + 1, None, True], "ключ": "值 🙂"},
                    "totalReward": n / 3,
                    "llmCalls": [
                        {
                            "callId": f"c-{k}",
                            "systemPrompt": "shared",
                            "response": f"answer {n} {k} 5e3",
                            "promptTokens": 5,
                            "tools": [{"name": "x", "minimum": 1.0}],
                        }
                        for k in range(3)
                    ],
                    "providerAccesses": [{"data": {"n": n}}],
                    "toolEvents": [{"type": "tool_error"}],
                }
            )
            for n in range(40)
        ]
    )
    await store.annotate("t-3", AnnotationInput(reward=0.25, is_training_data=True))
    await store.delete(["t-39"])
    async with database.write() as connection:
        await connection.execute(insert(events).values(kind="job_log", ts=1, payload={"n": 1}))


async def content(_: Database, store: TrajectoryStore) -> tuple[list[Any], Any]:
    return [each async for each in store.stream(TrajectoryFilter())], await store.stats("hour")


@pytest.fixture(params=["sqlite", "postgresql"])
def source_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'source.db'}"
    url: str = request.getfixturevalue("fresh_postgresql_url")
    return url


@pytest.fixture
def target_url(source_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """On the other engine."""
    if not source_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'target' / 'copy.db'}"
    url: str = request.getfixturevalue("fresh_postgresql_url")
    return url


def test_copy_moves_everything_to_the_other_engine(source_url: str, target_url: str, tmp_path: Path) -> None:
    within(source_url, fill)
    expected = within(source_url, content)

    code, output = run("copy", "--to", target_url, url=source_url, state=tmp_path)

    assert code == 0, output
    assert "are the same on both sides" in output
    assert "llm_calls" in output
    assert within(target_url, content) == expected

    async def further(database: Database, store: TrajectoryStore) -> int:
        async with database.read() as connection:
            queued = await connection.scalar(select(func.count()).select_from(search_queue))
            oldest = await connection.scalar(select(func.max(trajectories.c.key)))
        await store.add([record({"id": "new", "llmCalls": [{"response": "x"}]})])
        async with database.read() as connection:
            newest = await connection.scalar(select(func.max(trajectories.c.key)))
        assert newest > oldest, "keys go on above the copied ones"
        async with database.write() as connection:
            await connection.execute(insert(events).values(kind="job_log", ts=1, payload={}))
        return queued or 0

    assert within(target_url, further) == 39
    assert run("check", url=target_url, state=tmp_path)[0] == 0

    code, output = run("copy", "--to", target_url, "--from", source_url, state=tmp_path)
    assert code == 1
    assert "not empty" in output


def test_copy_says_what_is_wrong(tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.db'}"
    code, output = run("copy", "--to", target, state=tmp_path / "none")
    assert code == 1
    assert "There is no database" in output
    within(f"sqlite:///{tmp_path / 'whetstone.db'}", fill)
    for bad, sentence in (
        ("nonsense", "must look like"),
        ("postgresql://u:hidden@127.0.0.1:9/x", "cannot be used"),
    ):
        code, output = run("copy", "--to", bad, state=tmp_path)
        assert code == 1
        assert sentence in output
        assert "hidden" not in output
    assert take_lock(tmp_path / "service.lock") is not None
    code, output = run("copy", "--to", target, state=tmp_path)
    assert code == 1
    assert "Stop it first" in output
    assert not (tmp_path / "target.db").exists()


def test_a_row_that_arrives_differently_stops_the_copy() -> None:
    def text_of(*rows: tuple[Any, ...]) -> str:
        checksum = Checksum()
        checksum.add(rows)
        return checksum.text()

    assert text_of((1, "a"), (2, "b")) == text_of((2, "b"), (1, "a"))
    assert text_of((1, {"a": 1e2, "b": 2})) == text_of((1, {"b": 2, "a": 100}))
    assert text_of((1, 1e300)) == text_of((1, float(10**300)))
    for other in [(1, "b"), (1, "a", None), (2, "a"), (1, b"a")]:
        assert text_of((1, "a")) != text_of(other)
    assert text_of((1, "a")) != text_of((1, "a"), (1, "a"))
    assert text_of((1, True)) != text_of((1, 1))


def test_vacuum_gives_space_back(source_url: str, tmp_path: Path) -> None:
    async def fill_and_delete(_: Database, store: TrajectoryStore) -> None:
        calls = [{"response": f"{n} " * 2000} for n in range(300)]
        await store.add([record({"id": f"t-{n}", "llmCalls": calls[n::10]}) for n in range(10)])
        await store.delete_all()

    within(source_url, fill_and_delete)
    code, output = run("vacuum", url=source_url, state=tmp_path)
    assert code == 0, output
    before, after = (int(word.replace(",", "")) for word in output.split() if word[0].isdigit())
    assert after < before


def test_check_reports_and_repairs(source_url: str, tmp_path: Path) -> None:
    within(source_url, fill)
    code, output = run("check", url=source_url, state=tmp_path)
    assert (code, "39 trajectories counted again; differences: none." in output) == (0, True), output

    async def spoil(database: Database, _: TrajectoryStore) -> None:
        async with database.write() as connection:
            await connection.execute(
                update(trajectories).where(trajectories.c.id == "t-1").values(prompt_tokens=1)
            )
            await connection.execute(update(llm_calls).values(system_prompt_key=None))

    within(source_url, spoil)
    code, output = run("check", url=source_url, state=tmp_path)
    assert code == 1
    assert "prompt_tokens of t-1 is 1, but 15 by its rows" in output
    assert "1 × unused text" in output
    code, output = run("check", "--repair", url=source_url, state=tmp_path)
    assert code == 0
    assert "(repaired)" in output
    assert run("check", url=source_url, state=tmp_path)[0] == 0
