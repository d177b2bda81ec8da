"""What is derived from a trajectory's parts in the transaction that writes them: labels, errors, the search queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from trajectory_world import record
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.input.records import AnnotationInput, EndInput, LlmCallInput
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import search_queue, trajectories, trajectory_labels


async def _labels(database: Database) -> list[tuple[str, str, str]]:
    columns = (trajectories.c.id, trajectory_labels.c.kind, trajectory_labels.c.value)
    query = select(*columns).join(trajectories, trajectories.c.key == trajectory_labels.c.trajectory_key)
    async with database.read() as connection:
        return sorted(tuple(row) for row in await connection.execute(query))


async def _errors(database: Database, identifier: str = "t") -> int:
    query = select(trajectories.c.error_count).where(trajectories.c.id == identifier)
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def test_models_and_tasks_become_labels_once(database: Database, settings: Settings) -> None:
    seen = []

    def classify(call: Mapping[str, Any]) -> list[str]:
        seen.append(dict(call))
        return [call["purpose"], "any"]

    store = TrajectoryStore(database, settings, classify)
    calls = [
        {"callId": "a", "model": "m-1", "purpose": "plan", "systemPrompt": "S", "metadata": {"k": 1}},
        {"callId": "b", "model": "m-2", "purpose": "plan", "input": "hi"},
    ]
    await asyncio.gather(
        *(store.add_llm_calls("t", [LlmCallInput.model_validate(each)]) for each in calls),
        store.add([record({"id": "u", "llmCalls": calls})]),
    )
    await store.add_llm_calls("t", [LlmCallInput(call_id="c", model="m-1", purpose="reply")])
    kinds = [("model", "m-1"), ("model", "m-2"), ("task", "any"), ("task", "plan")]
    assert await _labels(database) == [
        *(("t", *each) for each in kinds),
        ("t", "task", "reply"),
        *(("u", *each) for each in kinds),
    ]
    assert {"metadata", "systemPrompt", "stepType", "tags"} <= seen[0].keys()
    assert seen[1]["userPrompt"] == "hi"


async def test_failed_calls_tools_and_actions_are_counted(store: TrajectoryStore, database: Database) -> None:
    whole = {
        "id": "t",
        "toolEvents": [
            {"id": "1", "type": "tool_error"},
            {"id": "2", "type": "tool_result", "success": False},
            {"id": "3", "type": "tool_result", "status": "failed"},
            {"id": "4", "type": "tool_result", "success": True},
        ],
        "steps": [
            {"stepId": "s", "action": {"success": False}, "llmCalls": [{"callId": "a", "error": "timeout"}]},
            {"stepId": "z", "action": {"success": True}, "llmCalls": [{"callId": "b", "error": ""}]},
        ],
    }
    await store.add([record(whole)])
    assert await _errors(database) == 5
    await store.add([record(whole)])
    assert await _errors(database) == 5
    await store.add_llm_calls("t", [LlmCallInput(call_id="c", finish_reason="error")])
    assert await _errors(database) == 6
    # The action of one step turns out well, the other one's did not.
    flipped = [{"stepId": "s", "action": {"success": True}}, {"stepId": "z", "action": {"success": False}}]
    await asyncio.gather(
        store.add([record({"id": "t", "steps": flipped[:1]})]),
        store.add([record({"id": "t", "steps": flipped})]),
    )
    assert await _errors(database) == 6
    await store.add([record({"id": "t", "steps": flipped[:1]})])
    await store.add([record({"id": "t", "steps": [{"stepId": "z", "action": {"success": True}}]})])
    assert await _errors(database) == 5


async def test_every_change_is_queued_for_search_once_a_group(
    store: TrajectoryStore, database: Database
) -> None:
    async def queued() -> int:
        async with database.read() as connection:
            return len((await connection.execute(select(search_queue.c.key))).all())

    await store.add([record({"id": "t"}), record({"id": "u"})])
    assert await queued() == 2
    await asyncio.gather(*(store.add_llm_calls("t", [LlmCallInput(call_id=f"c{n}")]) for n in range(5)))
    before = await queued()
    assert 3 <= before <= 7
    await store.add_llm_calls("t", [LlmCallInput(call_id="c1")])  # no news
    assert await queued() == before
    await store.annotate("t", AnnotationInput.model_validate({"reward": 1}))
    await store.end("t", EndInput())
    assert await queued() == before + 2
