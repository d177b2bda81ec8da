"""The process of the index: it follows the store, survives being killed, and goes with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import psutil
import pytest

from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.search import sqlite_index
from whetstone.trajectories.search.indexing import index_now, postgresql_url, prepare
from whetstone.trajectories.search.lag import Lag, lag
from whetstone.trajectories.search.plan import plan_search
from whetstone.trajectories.search.process import indexing
from whetstone.trajectories.store import TrajectoryStore

_MODULE = "whetstone.trajectories.search.indexer"


def said(identifier: str, *prompts: str) -> TrajectoryInput:
    return TrajectoryInput.model_validate(
        {"id": identifier, "llmCalls": [{"userPrompt": prompt} for prompt in prompts]}
    )


async def lag_of(database: Database) -> Lag:
    async with database.read() as connection:
        return await lag(connection, database)


async def count(database: Database, needle: str) -> tuple[int, bool]:
    """How many match, and whether the index alone says so."""
    async with database.read() as connection:
        plan = await plan_search(connection, database, needle)
        assert plan is not None
        behind = await lag(connection, database)
        return await plan.count(connection), plan.scan is None and not behind.pending


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if _MODULE in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def caught_up(database: Database) -> Callable[[], Awaitable[bool]]:
    async def _caught_up() -> bool:
        return (await lag_of(database)).pending == 0

    return _caught_up


async def test_what_is_written_is_indexed_by_a_process_of_its_own(
    store: TrajectoryStore,
    database: Database,
    settings: Settings,
    caught_up: Callable[[], Awaitable[bool]],
) -> None:
    await store.add([said("before", "alpha one")])
    async with indexing(database, settings):
        await until(caught_up)
        assert len(children()) == 1
        for number in range(20):
            await store.add([said(f"t{number}", f"alpha beta{number}")])
            assert (await count(database, "alpha"))[0] == number + 2
        await until(caught_up)
        assert await count(database, "alpha") == (21, True)
        assert children()[0].memory_info().rss < 80_000_000
        await store.delete(["before"])
        assert (await count(database, "alpha"))[0] == 20
        await until(caught_up)
        assert await count(database, "alpha") == (20, True)
    assert children() == []


async def test_a_killed_process_loses_nothing_and_is_started_again(
    store: TrajectoryStore,
    database: Database,
    settings: Settings,
    caught_up: Callable[[], Awaitable[bool]],
) -> None:
    await store.add([said("warm", "up")])
    async with indexing(database, settings):
        await until(caught_up)
        killed = 0
        for batch in range(6):
            await store.add([said(f"{batch}-{n}", f"common word{batch}x{n} " * 60) for n in range(150)])
            await asyncio.sleep(0.02 + 0.03 * batch)
            for child in children():
                if batch % 2 == 0:
                    child.send_signal(signal.SIGKILL)
                    killed += 1
            assert (await count(database, "common"))[0] == 150 * (batch + 1)
        assert killed
        await until(caught_up, 60)
        assert await count(database, "common") == (900, True)
        assert await count(database, "word3x7 ") == (1, True)


async def test_the_process_ends_with_its_parent(database: Database, settings: Settings) -> None:
    await prepare(database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _MODULE, stdin=subprocess.PIPE, env=settings.child_environment()
    )
    assert process.stdin is not None
    process.stdin.write(orjson.dumps(_task(database)) + b"\n")
    await asyncio.sleep(0.5)
    assert process.returncode is None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0


def _task(database: Database) -> dict[str, str]:
    file = database.attached_file()
    if file is None:
        return {"url": postgresql_url(database)}
    return {"main": str(database.url.database), "file": str(file)}


async def test_two_servers_on_one_database_index_together(
    store: TrajectoryStore,
    database: Database,
    settings: Settings,
    caught_up: Callable[[], Awaitable[bool]],
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("a file has one server")
    async with indexing(database, settings), indexing(database, settings):
        for number in range(10):
            await store.add([said(f"t{number}-{n}", f"alpha beta{number}") for n in range(20)])
        await until(caught_up)
        assert await count(database, "alpha") == (200, True)
        await index_now(database)


async def test_a_damaged_file_is_made_anew_while_the_service_runs(
    store: TrajectoryStore,
    database: Database,
    settings: Settings,
    caught_up: Callable[[], Awaitable[bool]],
) -> None:
    file = database.attached_file()
    if file is None:
        pytest.skip("PostgreSQL looks after its own files")
    await store.add([said(f"t{n}", f"alpha beta{n} " * 50) for n in range(200)])
    await index_now(database)
    _damage(file)
    assert (await count(database, "alpha"))[0] == 200
    async with indexing(database, settings):
        await store.add([said("late", "alpha")])
        await until(caught_up, 60)

        async def sound() -> bool:
            return await count(database, "alpha") == (201, True)

        await until(sound, 60)
    assert sqlite_index.version(file) is not None


def _damage(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as content:
        content.seek(0, os.SEEK_SET)
        for start in range(16_384 * 2, size, 16_384):
            content.seek(start)
            content.write(b"\xff" * 4096)


def test_the_process_needs_little() -> None:
    code = (
        f"import sys, {_MODULE}; "
        "print([name for name in ('sqlalchemy', 'pydantic', 'fastapi', 'asyncpg', 'structlog') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
