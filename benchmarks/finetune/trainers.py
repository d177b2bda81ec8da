"""Every trainer under comparison, as a process that is given a recipe and answers what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.finetune import environments
from benchmarks.finetune.recipe import Recipe

_ROOT = Path(__file__).resolve().parents[2]
_PEERS = Path(__file__).parent / "peers"

OURS, TRL, TRAINER = "ours", "trl", "trainer"


@dataclass(frozen=True, slots=True)
class Trainer:
    """A trainer's name in tables, the command that runs it (given the cache folder), and what else it needs of the
    environment."""

    name: str
    command: Callable[[Path], list[str]]
    variables: Callable[[], dict[str, str]] = field(default=dict)

    def run(self, recipe: Recipe, cache: Path) -> dict[str, Any]:
        """Its figures (see `meter`). Raises RuntimeError when it fails."""
        return run(self.name, self.command(cache), recipe.to_json(), recipe.threads, cache, self.variables())


def run(
    name: str,
    command: list[str],
    asked: str,
    threads: int,
    cache: Path,
    variables: dict[str, str] | None = None,
) -> dict[str, Any]:
    """One line of JSON from a process that reads `asked`. Raises RuntimeError when it fails.

    All get the same threads; waiting ones sleep instead of spinning, as in Whetstone's jobs.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'src'}",
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(cache / "datasets"),
        **(variables or {}),
    }
    done = subprocess.run(command, input=asked.encode(), capture_output=True, env=environment, cwd=_ROOT)
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{name} failed: {done.stderr.decode(errors='replace')[-3000:]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def own(module: str, *arguments: str) -> list[str]:
    """The command of a module of this benchmark in our environment."""
    return [sys.executable, "-m", f"benchmarks.finetune.{module}", *arguments]


def _peer(script: str, *arguments: str) -> Callable[[Path], list[str]]:
    return lambda cache: [str(environments.interpreter(cache)), str(_PEERS / f"{script}.py"), *arguments]


def _fast_blas() -> dict[str, str]:
    """MLX's wheel for Linux brings the reference BLAS: with it nobody would train, so OpenBLAS goes first."""
    found = sorted(Path("/usr/lib").glob("*/openblas-pthread/libopenblas.so.0"))
    return {"LD_PRELOAD": str(found[0])} if found else {}


TRAINERS = {
    OURS: Trainer("Whetstone", lambda _cache: own("ours")),
    TRL: Trainer("TRL SFTTrainer, default", _peer("trl_peer")),
    "trl-no-recompute": Trainer(
        "TRL SFTTrainer, no gradient checkpointing", _peer("trl_peer", "no-recompute")
    ),
    TRAINER: Trainer("transformers Trainer", _peer("trainer_peer")),
    "loop": Trainer("plain PEFT loop", _peer("loop_peer")),
    "ours-mlx": Trainer("Whetstone on MLX", lambda _cache: own("ours", "mlx")),
    "mlx-lm": Trainer("mlx-lm, OpenBLAS", _peer("mlx_peer"), _fast_blas),
}
DEFAULT = tuple(TRAINERS)
