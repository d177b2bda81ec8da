"""Builds on real data, where it is at hand: a check of sanity and speed, not of quality."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import orjson
import pytest

from dataset_documents import START, Json, ingest, read_lines, trajectory
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.trajectories.store import TrajectoryStore

DATA = Path(__file__).parents[3] / "shared" / "data"
BANKING = DATA / "banking77" / "test.csv"
TAU = DATA / "tau-bench" / "gpt-4o-airline.json"


@pytest.mark.slow
@pytest.mark.skipif(not BANKING.exists(), reason="the banking77 data is not here")
async def test_banking_questions(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    with BANKING.open(newline="") as file:
        questions = list(csv.DictReader(file))
    calls = [
        {
            "purpose": "action_planner",
            "model": "m",
            "systemPrompt": "Name the intent.",
            "userPrompt": f"You are the router of a bank. Customer: {item['text']}",
            "response": "unknown",
            "correction": {"text": orjson.dumps({"action": item["category"]}).decode()},
        }
        for item in questions
    ]
    for start in range(0, len(calls), 500):
        part = calls[start : start + 500]
        await ingest(trajectories, [trajectory(f"t-{start + i}", [call]) for i, call in enumerate(part)])
    started = time.monotonic()
    record = await datasets.build(BuildOptions(limit=5000))
    assert time.monotonic() - started < 60
    assert record["trajectoryCount"] > 3000
    assert record["split"]["largestGroupRows"] < 20
    test_rows = [
        row
        for row in read_lines(datasets.directory(record["id"]) / "action_planner_trajectories.jsonl")
        if row["metadata"]["split"] == "test"
    ]
    assert len(test_rows) == 300
    assert len({row["metadata"]["label"] for row in test_rows}) == 77


def _tau_trajectory(number: int, run: Json) -> Json:
    """One LLM call for each answer of the agent, with the conversation up to it."""
    messages = run["traj"]
    calls = [
        {
            "callId": f"c-{number}-{index}",
            "model": "gpt-4o",
            "timestamp": START + index,
            "messages": messages[:index],
            "response": message.get("content") or "",
            "toolCalls": message.get("tool_calls"),
        }
        for index, message in enumerate(messages)
        if message["role"] == "assistant"
    ]
    return trajectory(f"tau-{number}", calls, totalReward=run["reward"], scenarioId=f"task-{run['task_id']}")


@pytest.mark.slow
@pytest.mark.skipif(not TAU.exists(), reason="the tau-bench data is not here")
async def test_airline_agent_runs(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    runs = orjson.loads(TAU.read_bytes())
    for start in range(0, len(runs), 20):
        part = runs[start : start + 20]
        await ingest(trajectories, [_tau_trajectory(start + i, run) for i, run in enumerate(part)])
    record = await datasets.build(BuildOptions(limit=5000))
    assert record["status"] == "ready", record["error"]
    # Runs that failed are left out; those that succeeded verify their answers.
    assert record["trajectoryCount"] == 84
    assert record["excluded"]["trajectories"] == {"no_rows": 116}
    assert record["taskCounts"]["action_planner"] > 300
    assert record["split"]["groups"] > 10
