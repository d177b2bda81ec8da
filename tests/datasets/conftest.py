"""Fixtures of the datasets: a trajectory store and a dataset store on each engine, and on SQLite alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """An open SQLite database, for what no engine can change."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'whetstone.db'}")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def trajectories(sqlite: Database, settings: Settings) -> TrajectoryStore:
    """An empty trajectory store."""
    return TrajectoryStore(sqlite, settings)


@pytest.fixture
async def datasets(
    sqlite: Database, settings: Settings, trajectories: TrajectoryStore
) -> AsyncIterator[DatasetStore]:
    """A store of datasets built from `trajectories`."""
    store = DatasetStore(sqlite, settings, trajectories)
    yield store
    await store.close()
