"""Small helpers of the trajectory tests."""

from __future__ import annotations

from typing import Any

from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore


def record(value: dict[str, Any]) -> TrajectoryInput:
    return TrajectoryInput.model_validate(value)


def without_arrival(value: Any) -> Any:
    """`value` without the times at which things arrived."""
    if isinstance(value, dict):
        return {
            name: without_arrival(item)
            for name, item in value.items()
            if name not in {"createdAt", "updatedAt"}
        }
    return [without_arrival(item) for item in value] if isinstance(value, list) else value


async def document(store: TrajectoryStore, identifier: str) -> dict[str, Any]:
    found = await store.get(identifier)
    assert found is not None
    return found
