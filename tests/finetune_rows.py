"""Rows in files, and specifications, for the tests of the data path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune_world import write_rows
from whetstone.finetune.data.prepare import Prepared
from whetstone.finetune.data.types import Example
from whetstone.finetune.spec import FineTuneSpec

Json = dict[str, Any]
SIDES = ("train", "validation", "test")


def spec_of(**options: Any) -> FineTuneSpec:
    """A specification with these options."""
    return FineTuneSpec(job_id="j", job_dir=Path("j"), dataset_id="d", dataset_dir=Path("d"), **options)


def native(
    index: int, side: str = "train", *, verified: bool = True, task: str = "response", **more: Any
) -> Json:
    """A row of a dataset."""
    return {
        "format": "eliza_native_v1",
        "trajectoryId": f"t{index}",
        "callId": f"c{index:03d}",
        "request": {
            "system": "be kind",
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "earlier"},
                {"role": "user", "content": f"question {index}"},
            ],
        },
        "response": {"text": f"answer {index}"},
        "metadata": {"task_type": task, "verified": verified, "split": side, "group": f"g{index}"},
        **more,
    }


def dataset(folder: Path, rows: dict[str, list[Json]]) -> Path:
    """A dataset's folder with these files."""
    folder.mkdir()
    for name, content in rows.items():
        write_rows(folder / name, content)
    return folder


def ten(**more: Any) -> list[Json]:
    """Ten rows, on all sides."""
    return [native(i, SIDES[0 if i < 6 else 1 if i < 8 else 2], **more) for i in range(10)]


def everyone(prepared: Prepared) -> list[Example]:
    """The examples of all sides."""
    return [*prepared.train, *prepared.validation, *prepared.test]
