"""What the peers of this benchmark need, and where it is kept."""

from __future__ import annotations

from pathlib import Path

from benchmarks import installing

PACKAGES = {"gepa": ("gepa==0.1.4",), "dspy": ("dspy[optuna]==3.4.1",)}
DATA_PACKAGES = {
    "llama_prompt_ops": "llama-prompt-ops==0.0.8",
    "bfcl_eval": "bfcl-eval==2026.3.23",
    "sklearn": "scikit-learn==1.9.1",
}


def interpreter(name: str, cache: Path) -> Path:
    """The Python of the peer's environment."""
    return installing.interpreter(cache / name, PACKAGES[name])


def data_package(name: str, cache: Path) -> Path:
    """The folder of an installed package whose files are read and whose code is never imported."""
    return installing.files_of(name, DATA_PACKAGES[name], cache / "data")
