"""Small helpers of the trajectory tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whetstone.ids import new_id
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


Operation = tuple[str, Any]
"""What is sent, and the payload: add, calls, accesses, annotate or end."""


async def send(store: TrajectoryStore, identifier: str, name: str, payload: Any) -> None:
    match name:
        case "add":
            await store.add(payload)
        case "calls":
            await store.add_llm_calls(identifier, payload)
        case "accesses":
            await store.add_provider_accesses(identifier, payload)
        case "annotate":
            await store.annotate(identifier, payload)
        case _:
            await store.end(identifier, payload)


async def straight_and_shuffled(
    store: TrajectoryStore,
    operations: Callable[[str], list[Operation]],
    order: Sequence[int],
    retries: Sequence[tuple[int, int]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The documents of one trajectory whose operations came in their order, and of one where they came in `order`.

    Each of `retries` sends an operation once more at a place of that order. Both documents have the same id and no
    times of arrival.
    """
    if await store.get("straight") is None:
        for name, payload in operations("straight"):
            await send(store, "straight", name, payload)
    identifier = new_id("t")
    shuffled = operations(identifier)
    sequence = list(order)
    for again, place in retries:
        sequence.insert(place, again)
    for index in sequence:
        await send(store, identifier, *shuffled[index])
    straight = without_arrival(await document(store, "straight")) | {"trajectoryId": identifier}
    return straight, without_arrival(await document(store, identifier))
