"""No leak: neither from one side of the split to another, nor of private data into a file."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_documents import Json, decide, ingest, question, read_lines, reply, rows_of, trajectory
from whetstone.datasets.build import DatasetBuilder
from whetstone.datasets.near_duplicates import jaccard, shingles
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.gate import PrivacyGate
from whetstone.trajectories.store import TrajectoryStore


async def test_the_split_does_not_depend_on_the_order_of_trajectories(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    documents = [
        trajectory(f"t-{i}", [decide(question(i % 50)), reply(question(i), f"A {i}")], totalReward=i % 4)
        for i in range(80)
    ]

    async def sides() -> dict[str, str]:
        record = await datasets.build(BuildOptions())
        return {row["callId"]: row["metadata"]["split"] for row in rows_of(datasets, record)}

    await ingest(trajectories, documents)
    expected = await sides()
    await trajectories.delete_all()
    random.Random(3).shuffle(documents)
    await ingest(trajectories, documents)
    assert await sides() == expected


async def test_near_duplicates_and_trajectories_never_straddle(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    template = (
        "You see the last messages of a shared room. Decide with care whether the agent is meant. Message: "
    )
    documents = []
    for i in range(120):
        asked = template + question(i // 3) + ("", "!", " please")[i % 3]
        documents.append(
            trajectory(f"t-{i}", [decide(asked), reply(question(1000 + i), f"A {i}")], totalReward=1)
        )
    await ingest(trajectories, documents)
    rows = rows_of(datasets, await datasets.build(BuildOptions()))
    side_of = {row["trajectoryId"]: row["metadata"]["split"] for row in rows}
    assert all(side_of[row["trajectoryId"]] == row["metadata"]["split"] for row in rows)
    for i in range(0, 120, 3):
        assert len({side_of[f"t-{j}"] for j in range(i, i + 3)}) == 1
    # The template alone joins nothing: every side has its share.
    assert len({row["metadata"]["group"] for row in rows}) == 40
    assert {"train", "validation", "test"} == set(side_of.values())


@st.composite
def stories(draw: st.DrawFn) -> list[Json]:
    """Trajectories in any order, some of whose requests are near-duplicates of others."""
    documents = []
    for number in range(draw(st.integers(1, 14))):
        asked = question(draw(st.integers(0, 6)))
        asked = draw(
            st.sampled_from([asked, asked.upper(), asked + " ok", asked + "?!", asked.replace("How", "Hou")])
        )
        calls = [reply(asked, draw(st.sampled_from(["Yes", "No"])))]
        if draw(st.booleans()):
            calls.append(decide(question(100 + number)))
        documents.append(trajectory(f"t-{number}", calls, totalReward=draw(st.sampled_from([None, 1]))))
    return documents


def build_directly(documents: list[Json], seed: int = 0) -> tuple[list[Json], Json]:
    """All rows and the report of a build from documents, without a store."""
    options = BuildOptions(seed=seed)
    with (
        TemporaryDirectory() as name,
        DatasetBuilder(Path(name), options, PrivacyGate(PrivacyConfig())) as builder,
    ):
        builder.add(documents)
        built = builder.finish()
        files = sorted(Path(name).glob("*_trajectories.jsonl"))
        return [row for path in files for row in read_lines(path)], built.report


@given(stories(), st.integers(0, 3), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_nothing_leaks_and_order_changes_nothing(
    documents: list[Json], seed: int, chance: random.Random
) -> None:
    rows, report = build_directly(documents, seed)
    side_of: dict[str, str] = {}
    for row in rows:
        assert side_of.setdefault(row["trajectoryId"], row["metadata"]["split"]) == row["metadata"]["split"]
    asked = {
        name: [shingles(call["userPrompt"]) for call in document["steps"][0]["llmCalls"]]
        for document in documents
        if (name := document["trajectoryId"]) in side_of
    }
    for left, right in combinations(asked, 2):
        if any(jaccard(a, b) >= 0.85 for a in asked[left] for b in asked[right]):
            assert side_of[left] == side_of[right]
    assert len(rows) + sum(report["excluded"]["rows"].values()) == report["candidateRows"]
    shuffled = chance.sample(documents, len(documents))
    again, _ = build_directly(shuffled, seed)
    assert {row["callId"]: row["metadata"] for row in again} == {
        row["callId"]: row["metadata"] for row in rows
    }


SECRETS = [
    "sk-ant-" + "a1B2c3D4e5F6g7H8i9J0",
    "ghp_abcdefghijklmnopqrstuvwx0123456789",
    "canary.person@example.org",
    "4111 1111 1111 1111",
]


def _planted(value: Any) -> Any:
    """A copy of a JSON value with all secrets appended to every text but identifiers."""
    structural = {
        "trajectoryId",
        "stepId",
        "callId",
        "status",
        "kind",
        "role",
        "timestamp",
        "accessId",
        "tags",
        "type",
    }
    if isinstance(value, dict):
        return {k: v if k in structural else _planted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_planted(item) for item in value]
    return f"{value} {' '.join(SECRETS)}" if isinstance(value, str) else value


def _everywhere(name: str) -> Json:
    secret_object = {SECRETS[2]: {"nested": [SECRETS[0], orjson.dumps({"k": SECRETS[1]}).decode()]}}
    call = {
        **decide(question(1)),
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": secret_object}}
        ],
        "toolCalls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "reasoning": "r",
        "metadata": secret_object,
        "somethingNew": secret_object,
        "correction": {"text": '{"action":"RESPOND"}', "comment": "c", "source": "s"},
    }
    plain = reply(question(2), "Hello")
    whole = trajectory(name, [call, plain], metadata={"note": "n", **secret_object})
    whole["steps"][0] |= {
        "script": "run",
        "action": {"actionType": "A", "parameters": secret_object, "reasoning": "r"},
        "environmentState": secret_object,
        "providerAccesses": [
            {
                "accessId": "p",
                "providerName": "P",
                "purpose": "x",
                "data": secret_object,
                "query": secret_object,
            }
        ],
    }
    whole["events"] = [{"id": "e", "type": "tool_call", "args": secret_object}]
    planted: Json = _planted(whole)
    # The decision stays readable, so that the rows are kept.
    planted["steps"][0]["llmCalls"][0]["correction"]["text"] = orjson.dumps(
        {"action": "RESPOND", "thought": " ".join(SECRETS)}
    ).decode()
    for key in ("purpose", "stepType"):
        planted["steps"][0]["llmCalls"][0][key] = "should_respond"
        planted["steps"][0]["llmCalls"][1][key] = "response"
    return planted


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_planted_secrets_reach_no_file(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    await ingest(trajectories, [_everywhere("t-1"), _everywhere("t-2")])
    record = await datasets.build(BuildOptions())
    assert record["taskCounts"]["should_respond"] == record["taskCounts"]["response"] == 1
    files = _files(datasets.directory(record["id"]))
    assert len(files) >= 9
    for path in files:
        content = path.read_bytes()
        found = [secret for secret in SECRETS if secret.encode() in content]
        assert not found, f"{path.name} holds {found}"
    assert record["privacy"]["redactionCount"] > 20
