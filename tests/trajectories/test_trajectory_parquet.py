"""Parquet downloads: a stable schema, one row an LLM call, nothing lost, and written in pieces."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest

from export_files import Json, table, whole
from whetstone.clock import iso
from whetstone.errors import NotAvailableError
from whetstone.trajectories.exports.call_table import call_schema
from whetstone.trajectories.exports.export import export
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

CALL: Json = {
    "callId": "c-1",
    "timestamp": 1_760_000_000_100,
    "model": "gpt-x",
    "modelVersion": "2",
    "purpose": "response",
    "tags": ["fast"],
    "systemPrompt": "sys",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "日本"}]}],
    "tools": [{"name": "search"}],
    "toolChoice": "auto",
    "toolCalls": [{"name": "search", "arguments": {"q": 1}}],
    "response": "answer",
    "temperature": 0.5,
    "topP": 0.9,
    "promptTokens": 11,
    "tokenUsageEstimated": True,
    "metadata": {"k": [1, None]},
    "correction": {"text": "right", "source": "human"},
    "scores": [{"name": "quality", "value": 0.5, "comment": "ok"}],
    "runId": "run-of-the-call",
    "providerOptions": {"x": 1},
}
TRAJECTORY: Json = {
    "id": "t-1",
    "agentId": "agent",
    "startTime": 1_760_000_000_000,
    "endTime": 1_760_000_001_500,
    "totalReward": 1,
    "tags": ["gold"],
    "scores": [{"name": "overall", "value": 1}],
    "metadata": {"roomId": "r"},
    "isTrainingData": True,
    "steps": [{"stepId": "s-1", "reward": 0.25, "done": True, "llmCalls": [CALL, {"callId": "c-2"}]}],
}


async def test_one_row_a_call_with_all_that_is_around_it(store: TrajectoryStore) -> None:
    await store.add([TrajectoryInput.model_validate(each) for each in (TRAJECTORY, {"id": "no-calls"})])
    made = export(store, "parquet", TrajectoryFilter(), True)
    content = await whole(made)
    assert pyarrow.parquet.read_schema(io.BytesIO(content)).equals(call_schema())
    first, second = table(content)
    document = await store.get("t-1")
    assert document is not None
    call = document["steps"][0]["llmCalls"][0]
    for name in ("callId", "model", "systemPrompt", "userPrompt", "response", "tags", "temperature", "promptTokens",
                 "modelVersion", "tokenUsageEstimated", "latencyMs", "runId"):  # fmt: skip
        assert first[name] == call[name], name
    for name in ("messages", "tools", "toolChoice", "toolCalls", "metadata"):
        assert orjson.loads(first[name]) == call[name], name
    assert orjson.loads(first["extra"]) == {"providerOptions": {"x": 1}}
    assert first["correction"] == {"text": "right", "toolCalls": None, "source": "human", "comment": None}
    assert [(score["name"], score["value"], score["comment"]) for score in first["scores"]] == [
        ("quality", 0.5, "ok")
    ]
    assert [score["name"] for score in first["trajectoryScores"]] == ["overall"]
    assert first["timestamp"] == datetime(2025, 10, 9, 8, 53, 20, 100_000, UTC)
    assert iso(round(first["createdAt"].timestamp() * 1000)) == call["createdAt"]
    assert (first["stepId"], first["stepReward"], first["stepDone"], first["stepKind"]) == (
        "s-1",
        0.25,
        True,
        "llm",
    )
    for row in (first, second):
        assert (row["trajectoryId"], row["agentId"], row["status"]) == ("t-1", "agent", "completed")
        assert (row["totalReward"], row["isTrainingData"], row["durationMs"]) == (1.0, True, 1500)
        assert row["trajectoryTags"] == ["gold"]
        assert orjson.loads(row["trajectoryMetadata"]) == {"roomId": "r"}
    assert (second["messages"], second["correction"], second["extra"], second["promptTokens"]) == (None,) * 4


async def test_nothing_to_export_is_an_empty_table(store: TrajectoryStore) -> None:
    content = await whole(export(store, "parquet", TrajectoryFilter(), True))
    assert pyarrow.parquet.read_table(io.BytesIO(content)).shape == (0, len(call_schema()))


async def test_row_groups_come_one_by_one(store: TrajectoryStore) -> None:
    text = [f"{number * 7919**300:x}" * 20 for number in range(1, 600)]
    await store.add(
        [
            TrajectoryInput.model_validate({"id": f"t-{number}", "llmCalls": [{"response": each}]})
            for number, each in enumerate(text)
        ]
    )
    pieces = [piece async for piece in export(store, "parquet", TrajectoryFilter(), True).chunks]
    content = b"".join(pieces)
    assert len(pieces) > 2
    assert max(map(len, pieces)) < len(content) / 2
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    assert file.num_row_groups > 1
    assert sorted(row["response"] for row in table(content)) == sorted(text)


def test_the_schema_is_what_users_rely_on() -> None:
    schema = call_schema()
    assert schema.field("startTime").type == pa.timestamp("ms", "UTC")
    assert schema.field("promptTokens").type == pa.int64()
    assert schema.field("messages").type == pa.string()
    assert schema.field("tags").type == pa.list_(pa.string())
    assert schema.field("trajectoryRunId").type == schema.field("runId").type == pa.string()
    assert len(set(schema.names)) == len(schema.names)


async def test_without_pyarrow_the_error_says_what_to_install(
    store: TrajectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotAvailableError, match=r"pip install 'whetstone\[parquet\]'"):
        await whole(export(store, "parquet", TrajectoryFilter(), True))


def test_the_service_starts_without_it() -> None:
    code = "import sys, whetstone.app, whetstone.cli; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
