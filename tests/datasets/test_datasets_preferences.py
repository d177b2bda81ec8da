"""`preferences.jsonl`: what is known of better and worse answers, through the filter, on the sides of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from dataset_documents import Json, decide, ingest, question, read_lines, reply, rows_of, trajectory
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.preference_reader import read_preferences
from whetstone.datasets.store import DatasetStore
from whetstone.errors import InvalidInputError
from whetstone.trajectories.store import TrajectoryStore


async def _built(
    trajectories: TrajectoryStore, datasets: DatasetStore, documents: list[Json], **options: Any
) -> tuple[Json, list[Json]]:
    await ingest(trajectories, documents)
    record = await datasets.build(BuildOptions(**options))
    assert record["status"] == "ready", record["error"]
    return record, read_lines(datasets.directory(record["id"]) / "preferences.jsonl")


async def test_corrections_and_rewards_become_preferences(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    tool = {"toolName": "find", "args": {"q": "x"}}
    record, rows = await _built(
        trajectories,
        datasets,
        [
            trajectory("pair", [reply(question(1), "bad", correction="good")]),
            trajectory("same", [reply(question(2), "fine", correction="fine")]),
            trajectory("tools", [reply(question(3), "", toolCalls=[tool], correction={"text": "no tool"})]),
            trajectory("liked", [reply(question(4), "nice", reward=0.9)]),
            trajectory("disliked", [reply(question(5), "wrong", reward=0.1)]),
            trajectory("unknown", [reply(question(6), "whatever")]),
            trajectory("broken", [decide(question(7), correction="not a decision", reward=0.0)]),
        ],
    )
    found = {row["trajectoryId"]: row for row in rows}
    assert set(found) == {"pair", "same", "tools", "liked", "disliked", "broken"}
    answers = {name: (row["chosen"], row["rejected"], row["source"]) for name, row in found.items()}
    assert answers["pair"] == ({"text": "good"}, {"text": "bad"}, "correction")
    assert answers["same"] == ({"text": "fine"}, None, "correction")
    assert answers["tools"] == ({"text": "no tool"}, {"text": "", "toolCalls": [tool]}, "correction")
    assert answers["liked"] == ({"text": "nice"}, None, "reward")
    assert answers["disliked"] == (None, {"text": "wrong"}, "reward")
    # A correction that the task cannot learn from is nobody's choice.
    assert answers["broken"][0] is None
    assert record["preferenceCounts"] == {"rows": 6, "pairs": 2, "chosen": 4, "rejected": 4}
    assert found["pair"]["request"]["prompt"] == question(1)
    assert found["pair"]["task"] == "response"
    assert {row["format"] for row in rows} == {"whetstone_preference_v1"}
    # What was rejected is in no task's file, and its trajectory not among those of the dataset.
    native = rows_of(datasets, record)
    assert "disliked" not in {row["trajectoryId"] for row in native}
    folder = datasets.directory(record["id"])
    assert not (folder / "trajectories" / "disliked.json").exists()
    assert record["excluded"]["trajectories"]["no_rows"] == 2
    assert record["trajectoryCount"] == 5
    attested = record["privacy"]["attestation"]["files"]
    assert "preferences.jsonl" in {file["name"] for file in attested}
    assert list(read_preferences(folder / "preferences.jsonl")) == rows


async def test_preferences_stand_on_the_side_of_their_rows_and_near_duplicates(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    documents = []
    for i in range(60):
        documents.append(trajectory(f"row-{i}", [reply(question(i), f"a {i}", reward=1)]))
        # The same question with a wrong answer, asked by somebody else.
        documents.append(trajectory(f"low-{i}", [reply(f"{question(i)}!", f"b {i}", reward=0)]))
        documents.append(trajectory(f"alone-{i}", [reply(question(500 + i), f"c {i}", reward=0)]))
    record, rows = await _built(trajectories, datasets, documents)
    side = {row["trajectoryId"]: row["metadata"]["split"] for row in rows_of(datasets, record)}
    group = {row["trajectoryId"]: row["metadata"]["group"] for row in rows_of(datasets, record)}
    found = {row["trajectoryId"]: row for row in rows}
    assert len(found) == 180
    for i in range(60):
        for name in (f"row-{i}", f"low-{i}"):
            assert (found[name]["split"], found[name]["group"]) == (side[f"row-{i}"], group[f"row-{i}"])
    alone = [found[f"alone-{i}"]["split"] for i in range(60)]
    assert set(alone) == {"train", "validation", "test"}
    # Preferences change nothing about the sides of rows.
    await trajectories.delete_all()
    await ingest(trajectories, [each for each in documents if each["trajectoryId"].startswith("row")])
    again = await datasets.build(BuildOptions())
    assert {row["trajectoryId"]: row["metadata"]["split"] for row in rows_of(datasets, again)} == side


async def test_equal_preferences_count_once_and_tasks_can_be_chosen(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    documents = [trajectory(f"t-{i}", [reply(question(1), "bad", correction="good")]) for i in range(3)]
    documents.append(trajectory("d", [decide(question(2), reward=0.0)]))
    record, rows = await _built(trajectories, datasets, documents, tasks=("response",))
    assert [row["task"] for row in rows] == ["response"]
    assert record["preferenceCounts"]["rows"] == 1


async def test_preferences_are_filtered(trajectories: TrajectoryStore, datasets: DatasetStore) -> None:
    secret = "sk-live-abcdefghijklmnop0123456789abcdef"
    mail = "jane.roe@example.org"
    asked = f"{question(1)} write to {mail} with {secret}"
    _, rows = await _built(
        trajectories,
        datasets,
        [trajectory("t", [reply(asked, f"sent to {mail}", correction=f"never share {mail} {secret}")])],
    )
    content = orjson.dumps(rows).decode()
    assert rows[0]["chosen"]
    assert rows[0]["rejected"]
    assert secret not in content
    assert mail not in content


PROMPT = [{"role": "user", "content": "q"}]


@pytest.mark.parametrize(
    ("line", "messages", "chosen", "rejected"),
    [
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, PROMPT, "a", "b"),
        (
            {
                "messages": PROMPT,
                "chosen": [{"role": "assistant", "content": "a"}],
                "rejected": {"role": "assistant", "content": "b"},
            },
            PROMPT,
            "a",
            "b",
        ),
        (
            {
                "chosen": [*PROMPT, {"role": "assistant", "content": "a"}],
                "rejected": [*PROMPT, {"role": "assistant", "content": "b"}],
            },
            PROMPT,
            "a",
            "b",
        ),
        ({"prompt": "q", "completion": "a", "label": True}, PROMPT, "a", None),
        (
            {"prompt": PROMPT, "completion": [{"role": "assistant", "content": "b"}], "label": False},
            PROMPT,
            None,
            "b",
        ),
    ],
)
def test_forms_of_trainers_are_read(
    tmp_path: Path, line: Json, messages: Json, chosen: str | None, rejected: str | None
) -> None:
    (tmp_path / "p.jsonl").write_bytes(orjson.dumps(line))
    [row] = read_preferences(tmp_path / "p.jsonl")
    assert row["request"]["messages"] == messages
    assert row["chosen"] == (None if chosen is None else {"text": chosen})
    assert row["rejected"] == (None if rejected is None else {"text": rejected})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"prompt": "q", "chosen": "a"}, "rejected"),
        ({"prompt": "q", "completion": "a", "label": 1}, "label"),
        ({"prompt": "", "chosen": "a", "rejected": "b"}, "prompt is empty"),
        ({"prompt": "q", "chosen": "", "rejected": "b"}, "chosen must be one answer"),
        (
            {"prompt": "q", "chosen": [{"role": "user", "content": "a"}], "rejected": "b"},
            "chosen must be one",
        ),
        ({"prompt": "q", "chosen": [{"content": "a"}], "rejected": "b"}, "needs a role"),
        ({"format": "eliza_native_v1", "request": {}}, "whetstone_preference_v1"),
        ({"format": "whetstone_preference_v1"}, "request must be"),
        ({"format": "whetstone_preference_v1", "request": {"prompt": "q"}}, "chosen or rejected"),
        ({"format": "whetstone_preference_v1", "request": {"prompt": "q"}, "chosen": "a"}, "must be null or"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, line: Json, message: str) -> None:
    (tmp_path / "p.jsonl").write_bytes(orjson.dumps(line))
    with pytest.raises(InvalidInputError, match=rf"p\.jsonl, line 1: .*{message}"):
        list(read_preferences(tmp_path / "p.jsonl"))
