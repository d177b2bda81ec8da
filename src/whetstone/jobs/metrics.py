"""The figures of a job that trains weights, step by step, for a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from whetstone.jobs.jobfile import JobFolder
from whetstone.storable import clean_json

MOST_POINTS = 2000


def job_metrics(folder: JobFolder, after: int | None = None) -> list[dict[str, Any]]:
    """Lines of the job's `metrics.jsonl` with a step above `after`, by step; none for other jobs. Reads a file.

    Of more than `MOST_POINTS` lines evenly many are left out, but neither the last one nor, while they are few,
    those with an `evalLoss`.
    """
    return [clean_json(line) for line in _thinned(_newer(folder.metrics, after))]


def _newer(path: Path, after: int | None) -> list[dict[str, Any]]:
    """Whole lines above step `after`. Read from the end, for steps rise, and who polls knows all but a few."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = []
    for raw in reversed(content.splitlines()):
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:  # torn by a kill
            continue
        step = line.get("step") if isinstance(line, dict) else None
        if not isinstance(step, int):
            continue
        if after is not None and step <= after:
            break
        lines.append(line)
    return lines[::-1]


def _thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(lines) <= MOST_POINTS:
        return lines
    kept = {number for number, line in enumerate(lines) if line.get("evalLoss") is not None}
    if len(kept) > MOST_POINTS // 2:
        kept = set()
    stride = -(-len(lines) // (MOST_POINTS - len(kept) - 1))
    kept |= {*range(0, len(lines), stride), len(lines) - 1}
    return [lines[number] for number in sorted(kept)]
