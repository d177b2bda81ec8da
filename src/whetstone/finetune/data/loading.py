"""Reads the rows of a job: from a dataset's folder, or from a user's own JSONL file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whetstone.datasets.preference_reader import read_preferences
from whetstone.datasets.preferences import PREFERENCES_FILE
from whetstone.datasets.reader import read_rows
from whetstone.datasets.tasks import get_task, task_names
from whetstone.datasets.writer import task_file
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.finetune.data.material import Material, from_native, from_preference
from whetstone.finetune.spec import FineTuneSpec

_VERIFY = (
    "A row is verified by a correction of its answer, or by a reward of at least 0.5 for the recorded one: send "
    "corrections or rewards with the trajectories and build the dataset again, or set includeUnverified to learn "
    "recorded answers as they are"
)
_PREFER = {
    "dpo": "DPO needs corrected answers: a correction that differs from the recorded answer makes a pair of chosen "
    "and rejected. Send corrections with the trajectories and build the dataset again",
    "kto": "KTO needs judged answers: rewards or corrections. Send them with the trajectories and build the dataset "
    "again",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Usable rows in the order of the files; `rows` counts all that there are, `verified` those known to be right."""

    material: tuple[Material, ...]
    rows: int
    verified: int
    notes: tuple[str, ...] = ()


def source_files(path: Path, spec: FineTuneSpec) -> list[Path]:
    """The files that `read_material` reads. Raises NotFoundError, and InvalidInputError for an unknown task."""
    if spec.task is not None:
        get_task(spec.task)
    if not path.exists():
        raise NotFoundError(f"There is no dataset at {path.name}")
    if not path.is_dir():
        return [path]
    names = [task_file(name) for name in ([spec.task] if spec.task else task_names())]
    wanted = names if spec.method == "sft" else [PREFERENCES_FILE]
    return [path / name for name in wanted if (path / name).is_file()]


def read_material(path: Path, spec: FineTuneSpec) -> Reading:
    """The rows that the job may learn from.

    Raises NotFoundError without such a file, InvalidInputError for a malformed line, an unknown task, or where no
    row can be used (the message says what to do).
    """
    files = source_files(path, spec)
    reading = _supervised(path, files, spec) if spec.method == "sft" else _preferences(path, files, spec)
    if not reading.rows and spec.method == "sft":
        of_task = f" of the task {spec.task}" if spec.task else ""
        raise InvalidInputError(f"The dataset has no rows{of_task}: record trajectories and build it again")
    if not reading.material:
        raise InvalidInputError(why_too_few(reading, spec))
    return replace(reading, material=tuple(_distinct(reading.material)))


def why_too_few(reading: Reading, spec: FineTuneSpec) -> str:
    """What a dataset without enough usable rows lacks, and what to do, as a sentence."""
    if spec.method != "sft":
        return f"The dataset has {len(reading.material)} usable of {reading.rows} preferences. {_PREFER[spec.method]}"
    return f"The dataset has {reading.verified} verified of {reading.rows} rows. {_VERIFY}"


def _supervised(path: Path, files: Sequence[Path], spec: FineTuneSpec) -> Reading:
    own = not path.is_dir()
    material: list[Material] = []
    seen: set[tuple[Any, Any]] = set()
    rows = verified = 0
    for row in (row for file in files for row in read_rows(file)):
        metadata = row.get("metadata") or {}
        if own and spec.task and metadata.get("task_type") not in (None, spec.task):
            continue
        call = (row.get("trajectoryId"), row.get("callId"))
        if not own and call in seen:
            continue  # a call has a row in the file of each of its tasks
        seen.add(call)
        rows += 1
        good = metadata.get("verified") is True or (own and metadata.get("verified") is None)
        verified += good
        if good or spec.include_unverified:
            material.append(from_native(row, spec))
    trusted = (
        own and verified and not any("verified" in (each.row.get("metadata") or {}) for each in material)
    )
    notes = ("No row says whether its answer is verified; all answers of the file are taken as right.",)
    return Reading(tuple(material), rows, verified, notes if trusted else ())


def _preferences(path: Path, files: Sequence[Path], spec: FineTuneSpec) -> Reading:
    rows = [
        row
        for file in files
        for row in read_preferences(file)
        if spec.task is None or row.get("task") in (None, spec.task)
    ]
    material = tuple(each for row in rows for each in from_preference(row, spec))
    notes = () if path.is_dir() else ("All preferences of the file are taken at their word.",)
    return Reading(material, len(rows), len(rows), notes)


def _distinct(material: Sequence[Material]) -> Iterator[Material]:
    """With ids that differ: people repeat them in files of their own."""
    named = {each.id for each in material}
    times: Counter[str] = Counter()
    for each in material:
        times[each.id] += 1
        if times[each.id] == 1:
            yield each
            continue
        while (name := f"{each.id}#{times[each.id]}") in named:
            times[each.id] += 1
        named.add(name)
        yield replace(each, id=name)
