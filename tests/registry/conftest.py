"""A running job service on both engines, whose scripted jobs claim to have made models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs_bench import Bench
from whetstone.db import Database
from whetstone.settings import Settings


@pytest.fixture
async def bench(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    """A running service, on SQLite and on PostgreSQL."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    bench = Bench(database, settings)
    await bench.open()
    yield bench
    await bench.close()
