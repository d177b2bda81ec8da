"""The best candidate or adapter of a job that ended before its proof: kept, but tested by nobody."""

from __future__ import annotations

from typing import Any

import orjson

from whetstone.finetune.adapter_files import CONFIG, WEIGHTS
from whetstone.finetune.loop.checkpoints import BEST_FILE
from whetstone.jobs.jobfile import JobFolder
from whetstone.optimize.spec import BEST_SO_FAR
from whetstone.prompts.artifact import NOT_GATED
from whetstone.storable import clean_json


def best_so_far(folder: JobFolder) -> dict[str, Any] | None:
    """What the record of a cancelled or failed job shows of it; None when the job had found nothing yet.

    Of a native job `{"path", "task", "score", "baselineScore", "evaluatedOn": "validation", "decision":
    "not_gated"}`; the file is an artifact. Its scores are those of the rows that chose it, and so too high.

    Of a job that trains weights `{"path", "step", "loss", "baseLoss", "evaluatedOn", "decision": "not_gated"}`;
    the folder holds an adapter. The losses are means of the validation rows: of sft in nats a token, of dpo and kto
    their own loss a row.
    """
    return _best_candidate(folder) or _best_adapter(folder)


def _best_candidate(folder: JobFolder) -> dict[str, Any] | None:
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


def _best_adapter(folder: JobFolder) -> dict[str, Any] | None:
    path = folder.best_adapter
    try:
        record = orjson.loads((path / BEST_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not all((path / name).is_file() for name in (WEIGHTS, CONFIG)):
        return None
    match record:
        case {"step": int(step), "loss": int() | float() as loss}:
            return {
                "path": str(path),
                "step": step,
                "loss": loss,
                "baseLoss": _number(record.get("baseLoss")),
                "evaluatedOn": record.get("evaluatedOn", "validation"),
                "decision": NOT_GATED,
            }
    return None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def cancelled_sentence(best: dict[str, Any] | None) -> str:
    """The closing sentence of a cancelled job."""
    if best is None:
        return "Job cancelled"
    if "loss" in best:
        losses = " against ".join(f"{best[key]:.4f}" for key in ("loss", "baseLoss") if best[key] is not None)
        return (
            f"Job cancelled. The best adapter so far is kept, tested by nobody: {best['evaluatedOn']} loss {losses} "
            f"of the base model, after step {best['step']} ({best['path']})"
        )
    scores = " against ".join(
        f"{value:.3f}" for value in (best["score"], best["baselineScore"]) if isinstance(value, float | int)
    )
    return (
        f"Job cancelled. The best candidate so far is kept, not gated: {scores} of today's prompt on the validation "
        f"rows that chose it ({BEST_SO_FAR})"
    )
