"""`metrics.jsonl`: the figures of every step, one JSON object a line, for plots and for the record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from whetstone import files

METRICS_FILE = "metrics.jsonl"


class MetricsFile:
    """Appends to the file; a resumed job first forgets the steps that it is going to repeat."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, figures: dict[str, Any]) -> None:
        """Add the figures of one step; they are in the kernel's hands when this returns."""
        line = orjson.dumps(figures, option=orjson.OPT_APPEND_NEWLINE)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def forget_after(self, step: int) -> None:
        """Keep the steps up to `step` only, and no torn line."""
        kept = [figures for figures in read_metrics(self._path) if figures["step"] <= step]
        files.write_atomic(
            self._path, b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in kept)
        )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines of the file; none when there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = []
    for line in content.splitlines():
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:  # the process was killed in the middle of it
            continue
    return rows
