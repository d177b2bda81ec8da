"""Every engine under comparison, as a process that is given jobs and answers what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.optimizers import environments
from benchmarks.optimizers.child import Job

_ROOT = Path(__file__).resolve().parents[2]
_CHILDREN = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine's name in tables and the command that runs it; the command gets the cache folder."""

    name: str
    ours: bool
    command: Callable[[Path], list[str]]

    def run(self, jobs: Sequence[Job], cache: Path) -> Iterator[dict[str, Any]]:
        """The result of each job as it comes. Raises RuntimeError when the process fails."""
        log = cache / "engine.log"
        with log.open("wb") as errors, self._start(cache, errors) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for job in jobs:
                process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"{self.name} failed: {log.read_text(errors='replace')[-2000:]}")
                answer = json.loads(line)
                if "error" in answer:
                    process.kill()
                    raise RuntimeError(f"{self.name} failed on {job}: {answer['error']}")
                yield answer
            process.stdin.close()

    def _start(self, cache: Path, errors: Any) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'src'}",
            "PYTHONWARNINGS": "ignore",
        }
        return subprocess.Popen(
            self.command(cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=_ROOT,
        )


def _ours(optimizer: str) -> Callable[[Path], list[str]]:
    return lambda _cache: [sys.executable, "-m", "benchmarks.optimizers.ours", optimizer]


def _peer(script: str, environment: str, *arguments: str) -> Callable[[Path], list[str]]:
    def command(cache: Path) -> list[str]:
        python = environments.interpreter(environment, cache)
        return [str(python), str(_CHILDREN / f"{script}.py"), *arguments]

    return command


ENGINES = {
    "auto": Engine("Whetstone auto", True, _ours("auto")),
    "prompt-evolution": Engine("Whetstone prompt-evolution", True, _ours("prompt-evolution")),
    "instruction-search": Engine("Whetstone instruction-search", True, _ours("instruction-search")),
    "bootstrap-fewshot": Engine("Whetstone bootstrap-fewshot", True, _ours("bootstrap-fewshot")),
    "gepa": Engine("gepa", False, _peer("gepa_peer", "gepa")),
    "dspy-gepa": Engine("dspy GEPA", False, _peer("dspy_peers", "dspy", "gepa")),
    "dspy-mipro": Engine("dspy MIPROv2", False, _peer("dspy_peers", "dspy", "mipro")),
    "dspy-few-shot": Engine(
        "dspy BootstrapFewShot, random search", False, _peer("dspy_peers", "dspy", "few-shot")
    ),
}
