"""The record of a dataset as clients see it (contract §6.4) from its row in the table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from whetstone.clock import iso
from whetstone.datasets.writer import METADATA_FILE, TRAINING_FILE, TRAJECTORY_DIR

Record = dict[str, Any]

_EMPTY_REPORT: dict[str, Any] = {
    "taskCounts": {},
    "gold": {},
    "preferenceCounts": {},
    "split": None,
    "excluded": {"trajectories": {}, "rows": {}},
    "scannedTrajectories": 0,
    "candidateRows": 0,
    "privacy": None,
    "contentHash": None,
    "warnings": [],
}


def dataset_record(row: RowMapping | Mapping[str, Any], directory: Path) -> Record:
    """The record; `status` is `building`, `ready` or `failed`, and `error` says why it failed.

    Of a dataset that is not ready, the figures are zero and the report is empty.
    """
    return {
        "id": row["id"],
        "createdAt": iso(row["created_at"]),
        "jsonlPath": str(directory / TRAINING_FILE),
        "trajectoryDir": str(directory / TRAJECTORY_DIR),
        "metadataPath": str(directory / METADATA_FILE),
        "sampleCount": row["sample_count"],
        "trajectoryCount": row["trajectory_count"],
        "status": row["status"],
        "error": row["error"],
        "options": row["options"],
        **_EMPTY_REPORT,
        **row["report"],
    }
