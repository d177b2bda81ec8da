"""Downloads without prompts keep what is no text: ids, figures, times, enumerations and names."""

from __future__ import annotations

from typing import Any

import pytest

from export_files import Json, items, members, whole
from whetstone.trajectories.exports.export import export
from whetstone.trajectories.exports.redaction import without_prompts
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

MARKER = "SECRETxTEXT"

FULL: Json = {
    "trajectoryId": "t",
    "agentId": "agent",
    "source": "chat",
    "status": "error",
    "startTime": 1000,
    "endTime": 3000,
    "scenarioId": "s",
    "totalReward": 0.5,
    "metrics": {"score": 2, "finalStatus": "timeout", "verdict": MARKER},
    "rewardComponents": {"speed": 0.25, "why": MARKER},
    "metadata": {"roomId": "room", "n": 1},
    "tags": ["gold"],
    "scores": [{"name": "quality", "value": 0.5, "label": "fair", "comment": MARKER}],
    "toolEvents": [
        {
            "id": "e",
            "type": "tool_call",
            "toolName": "search",
            "args": {"q": MARKER},
            "durationMs": 5,
            "success": True,
        }
    ],
    "steps": [
        {
            "stepId": "step",
            "reward": 1,
            "script": MARKER,
            "action": {"actionType": "REPLY", "success": True, "parameters": {"text": MARKER}},
            "llmCalls": [
                {
                    "callId": "c",
                    "timestamp": 1100,
                    "model": "gpt-x",
                    "tags": ["fast"],
                    "promptTokens": 11,
                    "userPrompt": MARKER,
                    "latencyMs": 5,
                }
            ],
            "providerAccesses": [{"accessId": "a", "providerName": "FACTS", "data": {"x": MARKER}}],
        }
    ],
}


async def test_ids_figures_times_and_names_stay(store: TrajectoryStore) -> None:
    await store.add([TrajectoryInput.model_validate(FULL)])
    made = export(store, "json", TrajectoryFilter(), False)
    (document,) = items(made, await whole(made))
    full = await store.get("t")
    assert full is not None
    for name in ("trajectoryId", "agentId", "source", "status", "startTime", "endTime", "durationMs", "scenarioId",
                 "roomId", "tags", "totalReward", "createdAt", "llmCallCount"):  # fmt: skip
        assert document[name] == full[name], name
    assert document["metadata"] == {}
    assert document["metrics"] == {"episodeLength": 1, "score": 2, "finalStatus": "timeout"}
    # The score of the trajectory is a component of its reward.
    assert document["rewardComponents"] == {"speed": 0.25, "quality": 0.5}
    (score,) = document["scores"]
    assert (score["name"], score["value"], score["label"], score["source"]) == (
        "quality",
        0.5,
        "fair",
        "human",
    )
    assert document["toolEvents"] == [
        {"id": "e", "type": "tool_call", "toolName": "search", "durationMs": 5, "success": True}
    ]
    (step,) = document["steps"]
    assert step["action"] == {"actionType": "REPLY", "success": True}
    assert step["reward"] == 1
    (call,), (access,) = step["llmCalls"], step["providerAccesses"]
    assert (call["callId"], call["model"], call["promptTokens"], call["latencyMs"]) == ("c", "gpt-x", 11, 5)
    assert "fast" in call["tags"]
    assert not call.keys() & {"systemPrompt", "userPrompt", "response", "messages"}
    assert access["providerName"] == "FACTS"
    assert "data" not in access


async def test_archives_say_where_a_text_was(store: TrajectoryStore) -> None:
    await store.add([TrajectoryInput.model_validate(FULL)])
    files = members(await whole(export(store, "zip", TrajectoryFilter(), False)))
    assert files["t/trajectory.json"].count(b'"[redacted]"') == 3
    assert b"room" in files["t/summary.json"]
    assert b'"metadata": {}' in files["t/summary.json"]


@pytest.mark.parametrize("value", ["x" * 513, 5, None, {"a": 1}])
def test_a_name_is_short_text(value: Any) -> None:
    document = {"trajectoryId": "t", "archetype": value, "tags": [value, "ok"], "steps": [], "metrics": {}}
    kept = without_prompts(document)
    assert kept.get("archetype") is None
    assert kept["tags"] == ["ok"]
