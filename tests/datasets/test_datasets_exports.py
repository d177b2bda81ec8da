"""Training exports: shapes, redaction, and the privacy filter on all of them."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest

from dataset_documents import Json, decide, ingest, reply, trajectory
from export_files import items, readable, whole, without_nulls
from whetstone.datasets.exports import TrainingFormat, export_training
from whetstone.errors import InvalidInputError
from whetstone.settings import Settings
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

FORMATS: tuple[TrainingFormat, ...] = get_args(TrainingFormat)


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
    content = await whole(export)
    endings = {
        "jsonl": ".eliza-native.jsonl",
        "json": ".eliza-native.json",
        "art": ".art.jsonl",
        "parquet": ".eliza-native.parquet",
    }
    assert export.filename.startswith("trajectories-")
    assert export.filename.endswith(endings[kind])
    types = {"json": "application/json", "parquet": "application/vnd.apache.parquet"}
    assert export.media_type == types.get(kind, "application/x-ndjson")
    for private in (b"jane@", b"192.168", b"hidden"):
        assert private not in readable(export, content)
    assert items(export, content)


@pytest.mark.parametrize("kind", ["jsonl", "json"])
async def test_native_rows(trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, kind, TrajectoryFilter())
    rows = items(export, await whole(export))
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
    (row,) = items(export, await whole(export))
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
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    result = {"role": "tool", "tool_call_id": "1", "content": "r"}
    await ingest(
        trajectories,
        [
            trajectory(
                "t",
                [
                    {"messages": [system, ask], "tools": [tool], "response": "", "toolCalls": [tool_call]},
                    {"messages": [system, ask, call, result], "response": "done"},
                ],
            )
        ],
    )
    export = export_training(trajectories, settings, "art", TrajectoryFilter())
    (row,) = items(export, await whole(export))
    roles: list[Any] = [message["role"] for message in row["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    assert row["reward"] is None
    assert row["tools"] == [tool]


@pytest.mark.parametrize("kind", FORMATS)
async def test_without_prompts(
    trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat
) -> None:
    await fill(trajectories)
    export = export_training(trajectories, settings, kind, TrajectoryFilter(), include_prompts=False)
    content = await whole(export)
    for text in (b"Decide.", b"IGNORE"):
        assert text not in readable(export, content)
    for item in items(export, content):
        if kind == "art":
            assert item["messages"] == []
        else:
            row = without_nulls(item)
            assert "request" not in row
            assert row["response"] == {"text": ""}


async def test_parquet_holds_the_same_rows(trajectories: TrajectoryStore, settings: Settings) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    chat = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "tools": tools,
        "toolCalls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
        "topP": 0.5,
        "maxTokens": 100,
        "runId": "run-1",
    }
    await fill(trajectories)
    await ingest(trajectories, [trajectory("chat", [reply("", "done", **chat)], archetype="helper")])
    files = {}
    for kind in ("jsonl", "parquet"):
        export = export_training(trajectories, settings, kind, TrajectoryFilter())
        files[kind] = items(export, await whole(export))
    rows = [_parsed(row) for row in files["parquet"]]
    assert len(rows) == 5
    assert [without_nulls(row) for row in rows] == [without_nulls(row) for row in files["jsonl"]]


def _parsed(row: Json) -> Json:
    """A row of the table with its JSON texts and times as `jsonl` has them."""
    row["timestamp"] = round(row["timestamp"].timestamp() * 1000)
    request, response, metadata = row["request"], row["response"], row["metadata"]
    for part, names in (
        (request, ("messages", "tools", "toolChoice", "output", "responseSchema", "providerOptions")),
        (response, ("toolCalls",)),
        (metadata, ("trajectory_metadata",)),
    ):
        for name in names:
            part[name] = None if part[name] is None else orjson.loads(part[name])
    return row


@pytest.mark.parametrize(("kind", "content"), [("jsonl", b""), ("json", b"[]\n"), ("art", b"")])
async def test_nothing_to_export(
    trajectories: TrajectoryStore, settings: Settings, kind: TrainingFormat, content: bytes
) -> None:
    assert await whole(export_training(trajectories, settings, kind, TrajectoryFilter())) == content


def test_other_formats_are_refused(trajectories: TrajectoryStore, settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="jsonl"):
        export_training(trajectories, settings, "xml", TrajectoryFilter())  # type: ignore[arg-type]
