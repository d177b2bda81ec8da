"""The figures of a job that trains weights, step by step, for a plot."""

from __future__ import annotations

from typing import Any

from whetstone.finetune.loop.metrics import read_metrics
from whetstone.jobs.jobfile import JobFolder
from whetstone.storable import clean_json

MOST_POINTS = 2000


def job_metrics(folder: JobFolder, after: int | None = None) -> list[dict[str, Any]]:
    """Lines of the job's `metrics.jsonl` with a step above `after`, by step; none for other jobs. Reads a file.

    Of more than `MOST_POINTS` lines evenly many are left out, but neither the last one nor, while they are few,
    those with an `evalLoss`.
    """
    lines = [line for line in read_metrics(folder.metrics) if _is_after(line, after)]
    return [clean_json(line) for line in _thinned(lines)]


def _is_after(line: Any, after: int | None) -> bool:
    step = line.get("step") if isinstance(line, dict) else None
    return isinstance(step, int) and (after is None or step > after)


def _thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(lines) <= MOST_POINTS:
        return lines
    kept = {number for number, line in enumerate(lines) if line.get("evalLoss") is not None}
    if len(kept) > MOST_POINTS // 2:
        kept = set()
    stride = -(-len(lines) // (MOST_POINTS - len(kept) - 1))
    kept |= {*range(0, len(lines), stride), len(lines) - 1}
    return [lines[number] for number in sorted(kept)]
