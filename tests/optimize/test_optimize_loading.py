from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optimize_world import TASK, rows, write_dataset, write_rows
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.optimize.rows.loading import load


def test_a_dataset_keeps_its_own_split(tmp_path: Path) -> None:
    made = rows(50)
    loaded = load(write_dataset(tmp_path, made), None, seed=0)
    assert loaded.task == TASK
    assert {e.id for e in loaded.test} == {r["callId"] for r in made if r["metadata"]["split"] == "test"}
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (20, 10, 20)
    assert loaded.test[0].max_tokens == 24


def test_the_task_with_the_most_verified_rows_is_chosen(tmp_path: Path) -> None:
    write_dataset(tmp_path, rows(100, verified=False), "response")
    write_dataset(tmp_path, rows(45), "action_planner")
    write_dataset(tmp_path, rows(40), TASK)
    assert load(tmp_path, None, seed=0).task == "action_planner"
    assert load(tmp_path, TASK, seed=0).task == TASK


def test_too_few_verified_rows_are_refused_with_numbers_and_a_way_out(tmp_path: Path) -> None:
    made = [*rows(20), *rows(200, seed=1, verified=False)]
    with pytest.raises(InvalidInputError) as refused:
        load(write_dataset(tmp_path, made), None, seed=0)
    assert "20 of 220 rows are verified, at least 30" in refused.value.message
    assert "corrections or rewards" in refused.value.message


def test_without_any_verified_row_the_counts_of_all_tasks_are_named(tmp_path: Path) -> None:
    write_dataset(tmp_path, rows(40, verified=False))
    with pytest.raises(InvalidInputError, match="should_respond 40"):
        load(tmp_path, None, seed=0)


def test_a_split_without_test_rows_is_refused(tmp_path: Path) -> None:
    made = rows(60)
    for row in made:
        row["metadata"]["split"] = "train"
    with pytest.raises(InvalidInputError, match="validation split has 0"):
        load(write_dataset(tmp_path, made), None, seed=0)


def test_an_unknown_task_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load(tmp_path / "nothing", None, seed=0)
    with pytest.raises(InvalidInputError, match="task must be one of"):
        load(write_dataset(tmp_path, rows(40)), "../etc", seed=0)


def bare(row: dict[str, Any]) -> dict[str, Any]:
    """A row as another tool would write it: nothing about verification or split."""
    metadata = {"task_type": row["metadata"]["task_type"]}
    return {**row, "metadata": metadata}


def test_a_users_file_is_taken_at_its_word_and_split(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "mine.jsonl", [bare(row) for row in rows(90)])
    loaded = load(path, None, seed=0)
    assert loaded.verified == 90
    assert any("taken as right" in note for note in loaded.notes)
    assert any("divided by trajectory" in note for note in loaded.notes)
    assert {e.label for e in loaded.test} == {"RESPOND", "STOP", "IGNORE"}
    sides = {e.text: s for s in ("train", "validation", "test") for e in loaded.of(s)}
    assert len(sides) == 90
    again = write_rows(tmp_path / "again.jsonl", [bare(row) for row in reversed(rows(90))])
    assert load(again, None, seed=0).report()["hashes"] == loaded.report()["hashes"]
    assert load(path, None, seed=1).report()["hashes"] != loaded.report()["hashes"]


def test_near_duplicates_and_trajectories_of_a_users_file_stay_together(tmp_path: Path) -> None:
    made = [bare(row) for row in rows(60)]
    for number, row in enumerate(made):
        row["trajectoryId"] = f"t-{number // 2}"
    copy = {**made[0], "callId": "copy", "trajectoryId": "t-copy"}
    copy["request"] = {**made[0]["request"], "prompt": made[0]["request"]["prompt"].upper() + "!"}
    loaded = load(write_rows(tmp_path / "mine.jsonl", [*made, copy]), None, seed=0)
    side = {e.id: (e.split, e.group) for s in ("train", "validation", "test") for e in loaded.of(s)}
    assert side["copy"] == side["c-0"] == side["c-1"]
    assert all(side[f"c-{n}"] == side[f"c-{n + 1}"] for n in range(0, 60, 2))


def test_a_file_that_marks_verified_rows_is_not_taken_at_its_word(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "mine.jsonl", rows(90, verified=False))
    with pytest.raises(InvalidInputError, match="0 of 90"):
        load(path, None, seed=0)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "mine.jsonl", rows(40))
    path.write_bytes(path.read_bytes() + b"{broken\n")
    with pytest.raises(InvalidInputError, match="line 41"):
        load(path, None, seed=0)
