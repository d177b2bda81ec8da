"""Every detector under comparison, as a process that is given texts and answers spans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.privacy import environments
from benchmarks.privacy.labelled import Document

_ROOT = Path(__file__).resolve().parents[2]
_CHILDREN = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector found in every document, and the CPU seconds it took."""

    spans: list[list[tuple[int, int]]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector's name in tables and the command that runs it; the command gets the cache folder."""

    name: str
    ours: bool
    command: Callable[[Path], list[str]]

    def detect(self, documents: Sequence[Document], cache: Path) -> Detection:
        """Run it over the documents. Raises RuntimeError when its process fails."""
        texts = "".join(json.dumps(document.text) + "\n" for document in documents)
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"}
        run = subprocess.run(
            self.command(cache),
            input=texts.encode(),
            capture_output=True,
            check=False,
            env=environment,
            cwd=_ROOT,
        )
        if run.returncode or not run.stdout:
            raise RuntimeError(f"{self.name} failed: {run.stderr.decode(errors='replace')[-2000:]}")
        answer = json.loads(run.stdout)
        return Detection(
            [[(start, end) for start, end in spans] for spans in answer["spans"]], answer["seconds"]
        )


def _ours(tier: str) -> Callable[[Path], list[str]]:
    return lambda _cache: [sys.executable, "-m", "benchmarks.privacy.detect_ours", tier]


def _peer(name: str, *arguments: str, environment: str | None = None) -> Callable[[Path], list[str]]:
    def command(cache: Path) -> list[str]:
        python = environments.interpreter(environment, cache) if environment else sys.executable
        return [str(python), str(_CHILDREN / f"{name}.py"), *arguments]

    return command


DETECTORS = {
    "rules": Detector("Whetstone, rules only", True, _ours("rules")),
    "structure": Detector("Whetstone, rules and structure", True, _ours("structure")),
    "full": Detector("Whetstone, with names", True, _ours("names")),
    "reference": Detector("the reference's rules", False, _peer("reference")),
    "presidio": Detector("Presidio, spaCy small", False, _peer("presidio", environment="presidio")),
    "presidio-private": Detector(
        "Presidio, private entities", False, _peer("presidio", "private", environment="presidio")
    ),
    "scrubadub": Detector("scrubadub", False, _peer("scrubadub_peer", environment="scrubadub")),
    "detect-secrets": Detector(
        "detect-secrets, files", False, _peer("detect_secrets_peer", environment="detect-secrets")
    ),
    "detect-secrets-lines": Detector(
        "detect-secrets, every word",
        False,
        _peer("detect_secrets_peer", "lines", environment="detect-secrets"),
    ),
}
