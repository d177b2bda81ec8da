"""A build that nobody waits for any more, because the service stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_documents import ingest, question, reply, trajectory
from whetstone.datasets.build import DatasetBuilder
from whetstone.datasets.options import BuildOptions
from whetstone.errors import UnavailableError
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.gate import PrivacyGate
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore


async def test_an_abandoned_build_ends_in_the_middle_of_its_work(
    trajectories: TrajectoryStore, tmp_path: Path
) -> None:
    await ingest(trajectories, [trajectory(f"t-{i}", [reply(question(i), f"Answer {i}")]) for i in range(4)])
    documents = [document async for document in trajectories.stream(TrajectoryFilter())]
    with DatasetBuilder(tmp_path, BuildOptions(), PrivacyGate(PrivacyConfig())) as builder:
        builder.add(documents[:3])
        builder.abandon()
        with pytest.raises(UnavailableError):
            builder.add(documents[3:])
        with pytest.raises(UnavailableError):
            builder.finish()
