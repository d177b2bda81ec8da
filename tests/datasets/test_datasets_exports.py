"""Training exports: shapes, redaction, and the privacy filter on all of them."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest

from dataset_documents import Json, decide, ingest, reply, trajectory
from whetstone.datasets.exports import TrainingFormat, export_training
from whetstone.errors import InvalidInputError
from whetstone.settings import Settings
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.exports import Export
from whetstone.trajectories.store import TrajectoryStore

FORMATS: tuple[TrainingFormat, ...] = get_args(TrainingFormat)


async def text_of(export: Export) -> bytes:
    """The whole download."""
    return b"".join([chunk async for chunk in export.chunks])


def items(export: Export, content: bytes) -> list[Json]:
    """What the download holds, whatever its format."""
    if export.filename.endswith(".json"):
        value: list[Json] = orjson.loads(content)
        return value
    return [orjson.loads(line) for line in content.splitlines()]


async def fill(trajectories: TrajectoryStore) -> None:
    """A failed and a good trajectory, and one that is private."""
    await ingest(
        trajectories,
        [
            trajectory("bad", [decide("Hm?", "STOP")], status="error", totalReward=0),
            trajectory(
                "good",
                [
                    decide("Write to jane@example.org", correction='{"action":"IGNORE"}', promptTokens=7),
                    reply("Write to jane@example.org", "Hi from 192.168.1.77", systemPrompt="Decide."),
                    reply("", ""),
                ],
                totalReward=0.8,
                metrics={"score": 2, "note": "text", "flag": True},
                metadata={"mail": "jane@example.org"},
            ),
            trajectory("hidden", [decide("x")], metadata={"privacyLevel": "private"}),
        ],
    )


@pytest.mark.parametrize("kind", FORMATS)
async def test_names_types_and_privacy(
    trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat
) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, kind, TrajectoryFilter())
    content = await text_of(export)
    endings = {"jsonl": ".eliza-native.jsonl", "json": ".eliza-native.json", "art": ".art.jsonl"}
    assert export.filename.startswith("trajectories-")
    assert export.filename.endswith(endings[kind])
    assert export.media_type == ("application/json" if kind == "json" else "application/x-ndjson")
    assert b"jane@" not in content
    assert b"192.168" not in content
    assert b"hidden" not in content
    assert items(export, content)


@pytest.mark.parametrize("kind", ["jsonl", "json"])
async def test_native_rows(trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, kind, TrajectoryFilter())
    rows = items(export, await text_of(export))
    assert [(row["trajectoryId"], row["status"]) for row in rows] == [
        ("good", "completed"),
        ("good", "completed"),
        ("good", "completed"),
        ("bad", "error"),
    ]
    corrected = rows[0]
    assert corrected["response"]["text"] == '{"action":"IGNORE"}'
    assert corrected["metadata"]["source_dataset"] == "runtime_trajectory_boundary"
    assert corrected["metadata"]["task_type"] == "should_respond"
    assert corrected["metadata"]["verified"] is True
    assert rows[3]["metadata"]["verified"] is False
    assert corrected["trajectoryTotals"]["llmCallCount"] == 3
    assert corrected["cacheStats"]["totalInputTokens"] == 7


async def test_art_transcript(trajectories: TrajectoryStore, settings: Settings) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, "art", TrajectoryFilter(status="completed"))
    (row,) = items(export, await text_of(export))
    assert [message["role"] for message in row["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "system",
    ]
    # A transcript is what was said; its reward belongs to that, not to a correction.
    assert row["messages"][2]["content"] == '{"action":"RESPOND"}'
    assert row["reward"] == 0.8
    assert row["metrics"] == {"episodeLength": 1, "score": 2}
    assert set(row["metadata"]) == {
        "trajectoryId",
        "agentId",
        "source",
        "status",
        "scenarioId",
        "batchId",
        "trajectoryTotals",
        "cacheStats",
        "metadata",
    }


async def test_a_conversation_carried_along_is_told_once(
    trajectories: TrajectoryStore, settings: Settings
) -> None:
    system, ask = {"role": "system", "content": "s"}, {"role": "user", "content": "q"}
    tool_call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    call = {"role": "assistant", "content": None, "tool_calls": [tool_call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "r"}
    await ingest(
        trajectories,
        [
            trajectory(
                "t",
                [
                    {"messages": [system, ask], "response": "", "toolCalls": [tool_call]},
                    {"messages": [system, ask, call, result], "response": "done"},
                ],
            )
        ],
    )
    export = export_training(trajectories, settings, "art", TrajectoryFilter())
    (row,) = items(export, await text_of(export))
    roles: list[Any] = [message["role"] for message in row["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    assert row["reward"] is None


@pytest.mark.parametrize("kind", FORMATS)
async def test_without_prompts(
    trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat
) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, kind, TrajectoryFilter(), include_prompts=False)
    content = await text_of(export)
    assert b"Decide." not in content
    assert b"IGNORE" not in content
    for item in items(export, content):
        if kind == "art":
            assert item["messages"] == []
        else:
            assert (item["request"], item["response"]) == ({}, {"text": ""})


@pytest.mark.parametrize(("kind", "content"), [("jsonl", b""), ("json", b"[]\n"), ("art", b"")])
async def test_nothing_to_export(
    trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat, content: bytes
) -> None:
    assert await text_of(export_training(trajectories, settings, kind, TrajectoryFilter())) == content


def test_other_formats_are_refused(trajectories: TrajectoryStore, settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="jsonl"):
        export_training(trajectories, settings, "xml", TrajectoryFilter())  # type: ignore[arg-type]
