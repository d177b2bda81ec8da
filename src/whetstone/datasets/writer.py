"""The files of a dataset (contract §6.5 and §10.4), written row by row."""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from whetstone.datasets.preferences import PREFERENCES_FILE
from whetstone.datasets.quality import count_calls
from whetstone.datasets.rows import Document, Row, chat_row
from whetstone.datasets.tasks import CONTRACT_TASKS, task_names
from whetstone.files import sync_directory, write_json
from whetstone.privacy.filtered import Filtered

TRAINING_FILE = "training-data.jsonl"
TRAJECTORY_DIR = "trajectories"
METADATA_FILE = "metadata.json"
SUMMARY_FILE = "trajectory_dataset_summary.json"
ATTESTATION_FILE = "privacy_attestation.json"

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}")


def task_file(task: str) -> str:
    """Name of a task's file of rows."""
    return f"{task}_trajectories.jsonl"


class TrajectoryFiles:
    """`trajectories/<trajectoryId>.json`: each trajectory, filtered, in the form of contract §6.5."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / TRAJECTORY_DIR
        self._folder.mkdir()
        self._taken: set[str] = set()

    def write(self, document: Filtered[dict[str, Any]]) -> Path:
        """Write one trajectory; returns its file."""
        path = self._folder / f"{self._name(str(document.value['trajectoryId']))}.json"
        path.write_bytes(orjson.dumps({"trajectory": _stored_form(document.value)}))
        return path

    def _name(self, trajectory_id: str) -> str:
        """A file name for an id that anybody may have chosen; no two ids get the same, even if case is ignored."""
        name = trajectory_id
        if not _SAFE_NAME.fullmatch(name) or name.casefold() in self._taken:
            readable = re.sub(r"[^A-Za-z0-9_-]+", "_", trajectory_id)[:64].strip("_") or "trajectory"
            name = f"{readable}-{sha256(trajectory_id.encode('utf-8', 'surrogatepass')).hexdigest()}"
        self._taken.add(name.casefold())
        return name


class RowFiles:
    """The task files, `training-data.jsonl` and `preferences.jsonl`: every row once per task, every call once for
    training, every preference once.

    Rows come in the order of their calls. `counts`, `calls` and `samples` say what was written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._hashes = {
            name: sha256()
            for name in (*(task_file(task) for task in task_names()), TRAINING_FILE, PREFERENCES_FILE)
        }
        self.owners: dict[str, array[int]] = {name: array("L") for name in self._hashes}
        """Of each file, the trajectory of each line, by its number."""
        self.samples = 0
        self._rows: Counter[str] = Counter()
        self._calls: dict[str, int] = {}
        self._trajectories: dict[str, int] = {}
        self._last: dict[str, tuple[int, tuple[int, int]]] = {}

    def __enter__(self) -> RowFiles:
        for name in self._hashes:
            self._files[name] = (self._folder / name).open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()

    def write(self, row: Row, trajectory: int, call: tuple[int, int]) -> None:
        """Write a row that went through a `Spool`, which takes filtered rows only."""
        task = row["metadata"]["task_type"]
        self._put(task_file(task), row, trajectory)
        self._rows[task] += 1
        last_trajectory, last_call = self._last.get(task, (-1, (-1, -1)))
        self._trajectories[task] = self._trajectories.get(task, 0) + (trajectory != last_trajectory)
        self._calls[task] = self._calls.get(task, 0) + ((trajectory, call) != (last_trajectory, last_call))
        self._last[task] = (trajectory, call)
        if self._last.get("") != (trajectory, call):
            self._last[""] = (trajectory, call)
            self._put(TRAINING_FILE, chat_row(row), trajectory)
            self.samples += 1

    def write_preference(self, row: Row, trajectory: int) -> None:
        """Write a preference that went through a `Spool`."""
        self._put(PREFERENCES_FILE, row, trajectory)

    def counts(self) -> dict[str, int]:
        """Rows by task; the contract's five also when they have none."""
        names = (*CONTRACT_TASKS, *(name for name in task_names() if name not in CONTRACT_TASKS))
        return {name: self._rows[name] for name in names}

    def task_metrics(self) -> dict[str, dict[str, int]]:
        """`taskMetrics` of the summary: examples, calls and trajectories of each task that has any."""
        return {
            task: {
                "exampleCount": count,
                "sourceCallCount": self._calls[task],
                "sourceTrajectoryCount": self._trajectories[task],
            }
            for task, count in self._rows.items()
        }

    def content_hash(self) -> str:
        """SHA-256 (hex) over the names and contents of all files of rows."""
        whole = sha256()
        for name, content in sorted(self._hashes.items()):
            whole.update(f"{name}\0{content.hexdigest()}\n".encode())
        return whole.hexdigest()

    def _put(self, name: str, row: Row, trajectory: int) -> None:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        self._files[name].write(line)
        self._hashes[name].update(line)
        self.owners[name].append(trajectory)


def _stored_form(document: Document) -> dict[str, Any]:
    steps = document.get("steps") or []
    total = document.get("totalReward")
    return {
        "id": document["trajectoryId"],
        "trajectoryId": document["trajectoryId"],
        "agentId": document.get("agentId"),
        "archetype": document.get("archetype"),
        "stepsJson": orjson.dumps(steps, option=orjson.OPT_NON_STR_KEYS).decode(),
        "episodeLength": len(steps),
        "totalReward": total if total is not None else 0,
        "finalPnL": 0,
        "llmCallCount": count_calls(document),
    }


def write_metadata(folder: Path, record: dict[str, Any], summary: dict[str, Any]) -> None:
    """Write the dataset's record, the summary and, last, the attestation beside the rows; make the folder durable."""
    write_json(folder / METADATA_FILE, record)
    write_json(folder / SUMMARY_FILE, summary)
    write_json(folder / ATTESTATION_FILE, record["privacy"]["attestation"])
    sync_directory(folder)
