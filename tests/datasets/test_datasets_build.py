"""What a build writes: files, rows, counts that add up, and no private data."""

from __future__ import annotations

import orjson
import pytest

from dataset_documents import (
    START,
    Json,
    check_row,
    decide,
    ingest,
    question,
    read_lines,
    reply,
    rows_of,
    trajectory,
)
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.reader import read_rows
from whetstone.datasets.split import CAPS
from whetstone.datasets.store import DatasetStore
from whetstone.datasets.tasks import CONTRACT_TASKS
from whetstone.errors import InvalidInputError
from whetstone.trajectories.store import TrajectoryStore


async def test_rows_files_and_record(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    await ingest(
        trajectories,
        [
            trajectory(
                f"t-{i}",
                [
                    decide(question(i), "IGNORE", correction='{"action":"RESPOND"}' if i % 2 else None),
                    reply(question(i), f"Answer {i}"),
                ],
                totalReward=None if i % 3 else 1,
                scenarioId="s",
                metadata={"scenario_status": "passed" if i == 4 else None, "deep": {"x": 1}, "kind": "faq"},
            )
            for i in range(40)
        ],
    )
    record = await datasets.build(BuildOptions())
    assert record["status"] == "ready", record["error"]
    assert (record["sampleCount"], record["trajectoryCount"]) == (80, 40)
    assert record["taskCounts"] == {**dict.fromkeys(CONTRACT_TASKS, 0), "should_respond": 40, "response": 40}
    folder = datasets.directory(record["id"])
    assert {path.name for path in folder.iterdir()} == {
        *(f"{task}_trajectories.jsonl" for task in CONTRACT_TASKS),
        "training-data.jsonl",
        "preferences.jsonl",
        "trajectories",
        "metadata.json",
        "trajectory_dataset_summary.json",
        "privacy_attestation.json",
    }
    assert orjson.loads((folder / "metadata.json").read_bytes()) == record
    assert record == await datasets.get(record["id"])
    assert [item["id"] for item in await datasets.list()] == [record["id"]]

    rows = rows_of(datasets, record)
    for row in rows:
        check_row(row)
    by_call = {row["callId"]: row for row in rows}
    assert by_call["t-1-0"]["response"]["text"] == '{"action":"RESPOND"}'
    assert by_call["t-1-0"]["metadata"]["expected_from"] == "correction"
    assert by_call["t-1-0"]["metadata"]["label"] == "RESPOND"
    assert by_call["t-0-0"]["metadata"]["expected_from"] == "reward"
    assert by_call["t-4-1"]["metadata"]["expected_from"] == "reward"
    assert by_call["t-2-1"]["metadata"]["expected_from"] == "unverified"
    assert by_call["t-2-1"]["metadata"]["trajectory_metadata"] == {"kind": "faq"}
    assert by_call["t-2-1"]["request"]["prompt"] == question(2)

    counts = record["split"]["counts"]["response"]
    for side in ("train", "validation", "test"):
        in_files = [row["metadata"]["task_type"] for row in rows if row["metadata"]["split"] == side].count(
            "response"
        )
        assert in_files == counts[side]["rows"] > 0


async def test_training_data_and_trajectory_files(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    both = '{"action":"RESPOND","primaryContext":"wallet"}'
    ids = ["a/b", "a_b", "T-1", "t-1", "..", ".hidden", "x" * 200, "ü", "a:b"]
    await ingest(
        trajectories,
        [
            trajectory(name, [decide(question(i), purpose="action", response=both)])
            for i, name in enumerate(ids)
        ],
    )
    record = await datasets.build(BuildOptions())
    folder = datasets.directory(record["id"])
    chats = read_lines(folder / "training-data.jsonl")
    # A call that teaches two tasks is one training sample.
    assert record["taskCounts"]["should_respond"] == record["taskCounts"]["context_routing"] == len(ids)
    assert record["sampleCount"] == len(chats) == len(ids)
    assert {chat["trajectory_id"] for chat in chats} == set(ids)
    assert [message["role"] for message in chats[0]["messages"]] == ["system", "user", "assistant"]
    files = list((folder / "trajectories").iterdir())
    assert len({path.name.casefold() for path in files}) == len(ids)
    stored = [orjson.loads(path.read_bytes())["trajectory"] for path in files]
    assert {each["trajectoryId"] for each in stored} == set(ids)
    assert all(isinstance(orjson.loads(each["stepsJson"])[0]["llmCalls"], list) for each in stored)
    assert (folder / "trajectories" / "t-1.json").exists() or (folder / "trajectories" / "T-1.json").exists()


async def test_everything_left_out_is_counted(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    await ingest(
        trajectories,
        [
            trajectory("good", [decide("Is it open?"), reply("Is it open?", "Yes.")]),
            trajectory("active", [decide("x")], status="active"),
            trajectory("error", [decide("x")], status="error"),
            trajectory("failed", [decide("x"), decide("y")], metadata={"scenario_status": "failed"}),
            trajectory("skipped", [decide("x")], metadata={"scenario_status": "skipped"}),
            trajectory("no-calls", []),
            trajectory("private", [decide("x")], metadata={"privacyLevel": "private"}),
            trajectory("bad", [decide("Is it late?"), reply("Is it late?", "No.")], totalReward=0.1),
            trajectory(
                "mixed",
                [
                    decide("one", response="maybe"),
                    decide("two", response=""),
                    decide("three", systemPrompt="", userPrompt=""),
                    {"model": "m", "userPrompt": "four", "response": ""},
                    reply("IS IT   OPEN", "Yes."),
                    reply("six", "Six."),
                ],
            ),
        ],
    )
    record = await datasets.build(BuildOptions())
    assert record["excluded"]["rows"] == {
        "duplicate": 1,
        "empty_answer": 1,
        "empty_request": 1,
        "low_reward": 2,
        "no_task": 1,
        "not_accepted": 1,
    }
    assert record["excluded"]["trajectories"] == {
        "failed_scenario": 2,
        "no_rows": 1,
        "not_completed": 2,
        "private": 1,
        "too_few_llm_calls": 1,
    }
    rows = rows_of(datasets, record)
    assert len(rows) + sum(record["excluded"]["rows"].values()) == record["candidateRows"]
    assert record["trajectoryCount"] == 2
    assert record["scannedTrajectories"] == 2 + sum(record["excluded"]["trajectories"].values())
    assert record["privacy"]["dropped"][0]["trajectoryId"] == "private"
    folder = datasets.directory(record["id"])
    assert {path.name for path in (folder / "trajectories").iterdir()} == {"good.json", "mixed.json"}
    summary = orjson.loads((folder / "trajectory_dataset_summary.json").read_bytes())
    assert summary["excludedFailedScenarioRows"] == 3
    assert summary["counts"] == record["taskCounts"]
    assert summary["tasks"] == ["should_respond", "response"]
    assert summary["taskMetrics"]["response"] == {
        "exampleCount": 2,
        "sourceCallCount": 2,
        "sourceTrajectoryCount": summary["taskMetrics"]["response"]["sourceTrajectoryCount"],
    }
    assert any("should_respond: left out 1 rows" in warning for warning in summary["warnings"])


async def test_of_two_duplicates_the_verified_one_stays(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    await ingest(
        trajectories,
        [
            trajectory("verified", [reply("Same?", "Same.", timestamp=START)], totalReward=1),
            trajectory("newer", [reply("same", "Same.", timestamp=START + 9)]),
        ],
    )
    record = await datasets.build(BuildOptions())
    assert [row["trajectoryId"] for row in rows_of(datasets, record)] == ["verified"]
    assert record["excluded"] == {"trajectories": {"no_rows": 1}, "rows": {"duplicate": 1}}


async def test_tool_calls_are_answers(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    messages = [
        {"role": "system", "content": "Plan."},
        {"role": "developer", "content": "Be quick."},
        {"role": "user", "content": "Pay the bill"},
    ]
    call = {
        "model": "m",
        "messages": messages,
        "response": "",
        "toolCalls": [{"name": "pay", "arguments": {}}],
    }
    right = {"toolCalls": [{"name": "refund", "arguments": {"n": 1}}]}
    await ingest(
        trajectories,
        [
            trajectory("a", [call]),
            trajectory("b", [{**call, "correction": right, "finishReason": "length"}]),
        ],
    )
    record = await datasets.build(BuildOptions())
    rows = {row["trajectoryId"]: row for row in rows_of(datasets, record)}
    for row in rows.values():
        check_row(row)
        assert row["metadata"]["task_type"] == "action_planner"
        assert row["response"]["text"] == ""
        assert row["request"]["messages"] == messages
    assert rows["b"]["response"]["toolCalls"] == right["toolCalls"]
    assert rows["b"]["response"]["finishReason"] == "tool-calls"
    assert (rows["a"]["metadata"]["label"], rows["b"]["metadata"]["label"]) == ("pay", "refund")
    assert rows["a"]["metadata"]["group"] == rows["b"]["metadata"]["group"]
    # What a build writes, the reader of users' own files takes.
    path = datasets.directory(record["id"]) / "action_planner_trajectories.jsonl"
    assert {row["callId"]: row for row in read_rows(path)} == {row["callId"]: row for row in rows.values()}


async def test_options_choose_trajectories_and_tasks(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    for i in range(30):
        calls = [decide(question(i)), reply(question(i), f"A {i}")][: 1 + i % 2]
        await ingest(trajectories, [trajectory(f"t-{i:02}", calls)])
    newest = await datasets.build(BuildOptions(limit=5))
    assert {row["trajectoryId"] for row in rows_of(datasets, newest)} == {f"t-{i}" for i in range(25, 30)}
    longer = await datasets.build(BuildOptions(limit=5, min_llm_calls=2))
    assert {row["trajectoryId"] for row in rows_of(datasets, longer)} == {f"t-{i}" for i in range(21, 30, 2)}
    only = await datasets.build(BuildOptions(tasks=("response",)))
    assert only["taskCounts"]["response"] == 15
    assert sum(only["taskCounts"].values()) == only["candidateRows"] == 15


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"limit": 250, "minLlmCallsPerTrajectory": 1, "seed": 0, "tasks": None}),
        ({"limit": 9999, "minLlmCallsPerTrajectory": 0}, {"limit": 5000, "minLlmCallsPerTrajectory": 1}),
        ({"limit": -3, "seed": 7}, {"limit": 1, "seed": 7}),
        ({"limit": "10", "minLlmCallsPerTrajectory": None}, {"limit": 250, "minLlmCallsPerTrajectory": 1}),
        ({"limit": True, "tasks": ["response", "response"]}, {"limit": 250, "tasks": ["response"]}),
    ],
)
def test_request_bodies_are_read_as_the_contract_says(body: Json, expected: Json) -> None:
    options = BuildOptions.parse(body).to_dict()
    assert {key: options[key] for key in expected} == expected


@pytest.mark.parametrize("body", [{"tasks": ["nonsense"]}, {"tasks": "response"}, {"tasks": [1]}])
def test_unknown_tasks_are_refused(body: Json) -> None:
    with pytest.raises(InvalidInputError):
        BuildOptions.parse(body)


async def test_the_same_store_gives_the_same_dataset_and_the_seed_another_split(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    await ingest(
        trajectories, [trajectory(f"t-{i}", [decide(question(i))], totalReward=1) for i in range(60)]
    )
    first = await datasets.build(BuildOptions())
    second = await datasets.build(BuildOptions())
    other = await datasets.build(BuildOptions(seed=1))
    assert first["contentHash"] == second["contentHash"] != other["contentHash"]
    assert first["split"]["hashes"] != other["split"]["hashes"]
    assert first["split"]["counts"] == other["split"]["counts"]


async def test_caps_hold_per_task(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    await ingest(
        trajectories, [trajectory(f"t-{i}", [decide(question(i))], totalReward=1) for i in range(800)]
    )
    record = await datasets.build(BuildOptions(limit=5000))
    counts = record["split"]["counts"]["should_respond"]
    assert (counts["validation"]["rows"], counts["test"]["rows"]) == (CAPS["validation"], CAPS["test"])
    assert counts["train"]["rows"] == 400


async def test_an_empty_store_gives_an_empty_dataset(datasets: DatasetStore) -> None:
    record = await datasets.build(BuildOptions())
    assert (record["status"], record["sampleCount"], record["trajectoryCount"]) == ("ready", 0, 0)
    folder = datasets.directory(record["id"])
    assert all((folder / f"{task}_trajectories.jsonl").read_bytes() == b"" for task in CONTRACT_TASKS)
