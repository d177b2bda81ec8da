"""What the tests of datasets share: trajectories to ingest, and a strict model of a row."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from whetstone.datasets.store import DatasetStore
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore

Json = dict[str, Any]
START = 1_760_000_000_000


def decide(text: str, action: str = "RESPOND", **more: Any) -> Json:
    """A should_respond call."""
    return {
        "purpose": "should_respond",
        "model": "m",
        "systemPrompt": "Decide.",
        "userPrompt": text,
        "response": orjson.dumps({"action": action}).decode(),
        **more,
    }


def reply(text: str, answer: str, **more: Any) -> Json:
    """A response call."""
    return {
        "purpose": "response",
        "model": "m",
        "systemPrompt": "Reply.",
        "userPrompt": text,
        "response": answer,
        **more,
    }


def trajectory(name: str, calls: Iterable[Json], **more: Any) -> Json:
    """A completed trajectory of one step."""
    numbered = [{"callId": f"{name}-{index}", **call} for index, call in enumerate(calls)]
    return {
        "trajectoryId": name,
        "agentId": "agent",
        "source": "chat",
        "status": "completed",
        "startTime": START,
        "endTime": START + 5,
        "steps": [{"stepId": f"{name}-step", "timestamp": START, "llmCalls": numbered}],
        **more,
    }


async def ingest(store: TrajectoryStore, documents: Iterable[Json]) -> None:
    """Store trajectories as a client's request does."""
    await store.add([TrajectoryInput.model_validate(document) for document in documents])


def read_lines(path: Path) -> list[Json]:
    """The objects of a JSONL file."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


SUBJECTS = [
    "my card",
    "the blue parcel",
    "an olive tree",
    "this invoice",
    "her password",
    "the meeting",
    "rain today",
]
VERBS = ["lose", "return", "water", "pay", "reset", "postpone", "expect", "cancel", "describe", "compare"]


def question(number: int) -> str:
    """A question unlike those of other numbers."""
    chance = random.Random(number)
    words = " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(6))
    return f"How do I {VERBS[number % 10]} {SUBJECTS[number % 7]}? {words}"


def rows_of(datasets: DatasetStore, record: Json) -> list[Json]:
    """All rows of a dataset's task files."""
    folder = datasets.directory(record["id"])
    return [row for path in sorted(folder.glob("*_trajectories.jsonl")) for row in read_lines(path)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class _Camel(_Strict):
    model_config = ConfigDict(alias_generator=to_camel)


class _Settings(_Camel):
    temperature: float
    max_output_tokens: int | None = None
    top_p: float | None = None


class _Request(_Camel):
    system: str | None = None
    prompt: str | None = None
    messages: list[dict[str, JsonValue]] | None = None
    tools: JsonValue = None
    tool_choice: JsonValue = None
    settings: _Settings


class _Usage(_Camel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    reasoning_tokens: int


class _Response(_Camel):
    text: str
    finish_reason: str | None
    usage: _Usage
    tool_calls: list[dict[str, JsonValue]] | None = None


class _Metadata(_Strict):
    task_type: str
    source_dataset: str
    trajectory_id: str
    step_id: str
    call_id: str
    agent_id: str
    trajectory_source: str
    source_call_purpose: str
    source_action_type: str
    source_step_type: str
    source_model: str
    source_model_type: str | None
    source_provider: str | None
    source_run_id: str | None = None
    source_room_id: str | None = None
    source_message_id: str | None = None
    source_execution_trace_id: str | None = None
    scenario_id: str | None = None
    batch_id: str | None = None
    trajectory_metadata: dict[str, str | int | float | bool]
    total_reward: float | None
    ai_judge_reward: float | None
    expected_from: Literal["correction", "reward", "unverified"]
    verified: bool
    reward: float | None
    scores: dict[str, float] | None = None
    trajectory_scores: dict[str, float] | None = None
    trajectory_tags: list[str] | None = None
    label: str | None
    split: Literal["train", "validation", "test"]
    group: str


class NativeRow(_Camel):
    """Contract §10.3 with the extras of a dataset, nothing more and nothing less."""

    format: Literal["eliza_native_v1"]
    schema_version: Literal[1]
    boundary: Literal["vercel_ai_sdk.generateText", "vercel_ai_sdk.streamText"]
    trajectory_id: str
    agent_id: str
    source: str
    status: Literal["completed"]
    scenario_id: str | None
    batch_id: str | None
    step_id: str
    call_id: str
    step_index: int
    call_index: int
    timestamp: int
    purpose: str
    action_type: str
    step_type: str
    tags: list[str]
    model: str
    model_version: str | None
    model_type: str | None
    provider: str | None
    request: _Request
    response: _Response
    metadata: _Metadata
    trajectory_totals: dict[str, int]
    cache_stats: dict[str, int]


def check_row(row: Json) -> None:
    """Raise when a row is not what the contract says."""
    NativeRow.model_validate(row)
    request, response = row["request"], row["response"]
    assert ("messages" in request) != ("prompt" in request)
    if "messages" in request and request["messages"][0]["role"] == "system":
        assert "system" not in request
    assert response["text"] or response["toolCalls"]
    assert row["metadata"]["verified"] == (row["metadata"]["expected_from"] != "unverified")
    assert row["trajectoryId"] == row["metadata"]["trajectory_id"]
