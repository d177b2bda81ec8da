"""The best candidate of a job that ended before its gate: kept, but tested by nobody."""

from __future__ import annotations

from typing import Any

import orjson

from whetstone.jobs.jobfile import JobFolder
from whetstone.optimize.spec import BEST_SO_FAR
from whetstone.prompts.artifact import NOT_GATED
from whetstone.storable import clean_json


def best_so_far(folder: JobFolder) -> dict[str, Any] | None:
    """What the record of a cancelled or failed job shows of it; None when the job had found nothing yet.

    `{"path", "task", "score", "baselineScore", "evaluatedOn": "validation", "decision": "not_gated"}`; the file is an
    artifact. Its scores are those of the rows that chose it, and so too high.
    """
    try:
        artifact = orjson.loads(folder.best_so_far.read_bytes())
        known = {key: artifact[key] for key in ("task", "score", "baselineScore")}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return {
        "path": str(folder.best_so_far),
        **clean_json(known),
        "evaluatedOn": "validation",
        "decision": NOT_GATED,
    }


def cancelled_sentence(best: dict[str, Any] | None) -> str:
    """The closing sentence of a cancelled job."""
    if best is None:
        return "Job cancelled"
    scores = " against ".join(
        f"{value:.3f}" for value in (best["score"], best["baselineScore"]) if isinstance(value, float | int)
    )
    return (
        f"Job cancelled. The best candidate so far is kept, not gated: {scores} of today's prompt on the validation "
        f"rows that chose it ({BEST_SO_FAR})"
    )
