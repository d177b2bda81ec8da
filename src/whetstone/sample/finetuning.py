"""`whetstone demo --finetune`: the embedded model's weights are trained on what the sample agent did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from whetstone.finetune.backends import availability
from whetstone.sample.report import Outcome, print_closing
from whetstone.settings import Settings

_BACKEND = "cpu"


def what_is_missing(settings: Settings) -> str | None:
    """Why this machine cannot train, and what to do; None when it can."""
    found = availability(settings)[_BACKEND]
    return None if found.available else f"The demo cannot train a model here. {found.reason}"


def finetune_order(dataset_id: str) -> dict[str, Any]:
    """The job: short, on all tasks of the dataset."""
    return {
        "datasetId": dataset_id,
        "backend": _BACKEND,
        "iterations": 30,
        "batchSize": 8,
        "learningRate": 5e-4,
        "evalEvery": 10,
        "testRows": 60,
    }


def print_training(console: Console, outcome: Outcome, *, kept_pid: int | None) -> None:
    """The closing table of a trained model."""
    result = outcome.job["result"] or {}
    paths = {
        **result.get("files", {}),
        "model": result.get("outputDir"),
        "job's files": outcome.job["outputDir"],
        "everything": outcome.folder,
    }
    header = '-H "Authorization: Bearer $ELIZA_API_TOKEN" ' if outcome.token else ""
    commands = [
        f"  curl {header}{outcome.url}/api/training/models",
        f"  curl {header}{outcome.url}/api/training/jobs/{outcome.job['id']}/metrics",
    ]
    known = [(name, path) for name, path in paths.items() if path is not None]
    print_closing(console, outcome, _lines(outcome), known, "\n".join(commands), kept_pid=kept_pid)


def _lines(outcome: Outcome) -> list[tuple[str, str]]:
    job, result = outcome.job, outcome.job["result"]
    lines = [
        ("agent's LLM calls", str(outcome.stats["totalLlmCalls"])),
        ("dataset rows", str(outcome.dataset["sampleCount"])),
        ("redactions", str(outcome.dataset["privacy"]["redactionCount"])),
    ]
    if job["status"] != "completed" or not result:
        return [*lines, ("job", f"{job['status']}: {job['error']}")]
    return [
        *lines,
        ("base model", result["sourceModel"]),
        ("steps", f"{result['steps']} in {result['seconds']:.0f} s"),
        ("validation loss before → after", _change(result["validationLoss"])),
        *_proof(result["proof"]),
        ("outcome", result["message"]),
        ("seconds", f"{outcome.seconds:.0f}"),
    ]


def _change(losses: Mapping[str, float | None]) -> str:
    shown = ("?" if losses[name] is None else f"{losses[name]:.3f}" for name in ("base", "tuned"))
    return " → ".join(shown)


def _proof(proof: Mapping[str, Any]) -> list[tuple[str, str]]:
    if proof["baseScore"] is None:
        return [("test score", "not tried on the test rows")]
    lines = [("test score before → after", f"{proof['baseScore']:.2f} → {proof['tunedScore']:.2f}")]
    if proof["interval"] is None:
        return lines
    low, high = proof["interval"]
    difference = f"{proof['delta']:+.2f}, {proof['confidence']:.0%} interval {low:+.2f} … {high:+.2f}"
    return [*lines, (f"difference on {proof['rows']} test rows", difference)]
