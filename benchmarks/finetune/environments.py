"""Where the peers live: an environment of their own that shares torch, transformers, peft and MLX with ours, so that all
trainers run on the same builds of them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from benchmarks import installing

PACKAGES = ("trl==1.16.0", "datasets>=4")


def interpreter(cache: Path) -> Path:
    """The Python of the peers' environment."""
    environment = cache / "peers"
    ours = Path(sysconfig.get_path("purelib"))
    theirs = Path(
        sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    )
    theirs.mkdir(parents=True, exist_ok=True)
    (theirs / "shared.pth").write_text(f"{ours}\n", encoding="utf-8")
    return installing.interpreter(environment, PACKAGES)
