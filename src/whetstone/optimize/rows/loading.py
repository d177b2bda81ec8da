"""Reads the rows that a job works on: picks the task, keeps what is verified, and sees that it is enough."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whetstone.datasets.reader import read_rows
from whetstone.datasets.split import MIN_VERIFIED_ROWS, SIDES, Side
from whetstone.datasets.tasks import get_task, task_names
from whetstone.datasets.writer import task_file
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.optimize.rows.examples import Example, is_verified, parse_row
from whetstone.optimize.rows.splitting import split_examples

MIN_JUDGED_ROWS = 8
"""Fewest rows of validation and of test with which a job starts."""


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """Verified rows of one task by split.

    `hashes` are those of the splits' content, `notes` sentences for the person who started the job.
    """

    task: str
    rows: int
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    hashes: Mapping[Side, str]
    notes: tuple[str, ...]

    @property
    def verified(self) -> int:
        return len(self.train) + len(self.validation) + len(self.test)

    def of(self, split: Side) -> tuple[Example, ...]:
        """The rows of one split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]

    def report(self) -> dict[str, Any]:
        """Sizes and content hashes of the splits, for the artifact."""
        return {
            "counts": {split: len(self.of(split)) for split in SIDES},
            "hashes": dict(self.hashes),
            "gold": dict(Counter(each.gold for split in SIDES for each in self.of(split))),
        }


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file or folder holds of one task: how many rows, those with a right answer, and those without."""

    task: str
    rows: int
    verified: tuple[Example, ...]
    unverified: tuple[Example, ...]
    notes: tuple[str, ...] = ()

    def report(self) -> dict[str, Any]:
        """What makes two readings the same data."""
        return {"rows": self.rows, "hash": content_hash((*self.verified, *self.unverified))}


def load(path: Path, task: str | None, seed: int) -> LoadedRows:
    """The verified rows of `task` (None: the task with the most of them) in a dataset's folder or a JSONL file.

    Raises `NotFoundError` without such a file, `InvalidInputError` when there are too few verified rows (the
    message counts them and says what to do).
    """
    reading = read(path, task)
    return divide(reading, reading.verified, seed)


def read(path: Path, task: str | None) -> Reading:
    """The rows of `task`, whether they are enough or not. Raises as `load` does otherwise."""
    if not path.exists():
        raise NotFoundError(f"There is no dataset at {path.name}")
    return _from_directory(path, task) if path.is_dir() else _from_file(path, task)


def divide(reading: Reading, usable: Sequence[Example], seed: int) -> LoadedRows:
    """The splits of the `usable` rows of a reading: those that they came with, else new ones."""
    name, examples, notes = reading.task, list(usable), reading.notes
    _check_enough(name, reading.rows, len(examples))
    if any(example.split is None for example in examples):
        examples = split_examples(examples, name, seed)
        notes = (
            *notes,
            "The rows came without a split; they were divided by trajectory, near-duplicates together.",
        )
    # In an order of their own: what is drawn must not depend on the order in which trajectories arrived.
    ordered = sorted(examples, key=lambda example: example.id)
    by_split = {split: tuple(e for e in ordered if e.split == split) for split in SIDES}
    for split in ("validation", "test"):
        if len(by_split[split]) < MIN_JUDGED_ROWS:
            raise InvalidInputError(
                f"{name}: the {split} split has {len(by_split[split])} verified rows, at least {MIN_JUDGED_ROWS} are "
                "needed. Record more trajectories (rows that resemble each other stay together on one side)"
            )
    return LoadedRows(
        name,
        reading.rows,
        by_split["train"],
        by_split["validation"],
        by_split["test"],
        {split: content_hash(members) for split, members in by_split.items()},
        (*notes, *_gold_note(examples)),
    )


def content_hash(examples: Iterable[Example]) -> str:
    """SHA-256 over the ids, questions and right answers, whatever their order."""
    lines = sorted(f"{e.id}\x00{e.system}\x00{e.text}\x00{e.expected_text}" for e in examples)
    return hashlib.sha256("\x01".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _from_directory(path: Path, task: str | None) -> Reading:
    if task is not None:
        get_task(task)
    names = [task] if task is not None else task_names()
    found = {name: _read(name, path / task_file(name)) for name in names}
    best = max(names, key=lambda name: len(found[name].verified))
    if task is None and not found[best].verified:
        counts = ", ".join(f"{name} {each.rows}" for name, each in found.items() if each.rows) or "none"
        raise InvalidInputError(f"The dataset has no verified rows (rows by task: {counts}). {_ADVICE}")
    return found[best]


def _from_file(path: Path, task: str | None) -> Reading:
    """A user's own file: where no row says whether it is verified, all are taken at the user's word."""
    rows = list(read_rows(path))
    trusting = all(is_verified(row) is None for row in rows)
    named = Counter(str(_task_of(row)) for row in rows if _task_of(row))
    name = task or (named.most_common(1)[0][0] if named else None)
    if name is None:
        raise InvalidInputError("The rows name no task (metadata.task_type); say which one to optimize")
    label = get_task(name).label
    mine = (row for row in rows if _task_of(row) in (name, None))
    found = _reading(name, mine, trusting=trusting)
    labelled = tuple(
        example if example.label is not None else replace(example, label=label(example.expected_text))
        for example in found.verified
    )
    notes = (_TRUSTED,) if trusting else ()
    return replace(found, verified=labelled, notes=notes)


def _task_of(row: dict[str, Any]) -> str | None:
    metadata = row.get("metadata")
    task = metadata.get("task_type") if isinstance(metadata, dict) else None
    return task if isinstance(task, str) else None


def _read(task: str, path: Path) -> Reading:
    return _reading(task, read_rows(path) if path.exists() else (), trusting=False)


def _reading(task: str, rows: Iterable[dict[str, Any]], *, trusting: bool) -> Reading:
    verified: list[Example] = []
    unverified: list[Example] = []
    times: Counter[str] = Counter()
    number = 0
    for number, row in enumerate(rows, start=1):
        good = trusting or bool(is_verified(row))
        try:
            example = parse_row(row)
        except InvalidInputError as error:
            if not good:
                continue
            raise InvalidInputError(f"Row {number}: {error.message}") from None
        times[example.id] += 1
        if times[example.id] > 1:
            example = replace(example, id=f"{example.id}#{times[example.id]}")
        (verified if good else unverified).append(example)
    return Reading(task, number, tuple(verified), tuple(unverified))


_TRUSTED = "No row says whether its answer is verified; all answers of the file are taken as right."
_ADVICE = (
    "A row is verified by a correction of its answer, or by a reward of at least 0.5 for the recorded one: "
    "send corrections or rewards with the trajectories and build the dataset again"
)


def _check_enough(task: str, rows: int, verified: int) -> None:
    if verified < MIN_VERIFIED_ROWS:
        raise InvalidInputError(
            f"{task}: {verified} of {rows} rows are verified, at least {MIN_VERIFIED_ROWS} are needed to show on rows "
            f"held back that a prompt is better. {_ADVICE}"
        )


def _gold_note(examples: Sequence[Example]) -> list[str]:
    """Self-reference: recorded answers that only a reward verifies favour the prompt that gave them."""
    by_reward = sum(example.gold not in ("correction", "teacher") for example in examples)
    if by_reward <= len(examples) / 2:
        return []
    note = (
        f"{by_reward} of {len(examples)} right answers are recorded ones; they favour the prompt and the model that "
        "gave them, so an improvement is harder to show than with corrections."
    )
    return [note]
