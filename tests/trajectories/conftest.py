"""A trajectory store on each database engine."""

from __future__ import annotations

import pytest

from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore


@pytest.fixture
def store(database: Database, settings: Settings) -> TrajectoryStore:
    return TrajectoryStore(database, settings)
