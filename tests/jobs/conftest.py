"""A running job service on real processes, with the scripted backend beside the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jobs_bench import Bench, MakeBench
from whetstone.db import Database
from whetstone.settings import Settings


@pytest.fixture(autouse=True)
def _workers_find_the_scripted_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    """A running service on SQLite."""
    return await make_bench()


@pytest.fixture
async def bench_on_both(database: Database, settings: Settings) -> AsyncIterator[Bench]:
    """A running service, on SQLite and on PostgreSQL."""
    bench = Bench(database, settings)
    await bench.open()
    yield bench
    await bench.close()


@pytest.fixture
async def make_bench(settings: Settings, tmp_path: Path) -> AsyncIterator[MakeBench]:
    """Makes a running service on SQLite, with some settings changed."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'whetstone.db'}")
    await database.open()
    made: list[Bench] = []

    async def make(**changes: Any) -> Bench:
        bench = Bench(database, settings.model_copy(update=changes))
        await bench.open()
        made.append(bench)
        return bench

    yield make
    for bench in made:
        await bench.close()
    await database.close()
