"""Checkpoints and the best adapter of a job: each a folder that is whole or not there.

`checkpoints/step-00000120/`  the engine's state and `loop.json`; the newest two are kept
`best`                        a link to `adapters/step-…`: the adapter with the least validation loss, and `best.json`
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from whetstone import files

BEST = "best"
BEST_FILE = "best.json"
_STATE_FILE = "loop.json"
_KEPT = 2
_STEP = re.compile(r"step-\d{8}(-[0-9a-f]{6})?")


class Checkpoints:
    """The checkpoints in a job's folder."""

    def __init__(self, job_dir: Path) -> None:
        self._folder = job_dir / "checkpoints"

    def save(self, step: int, state: dict[str, Any], write: Callable[[Path], None]) -> None:
        """Keep `state` and what `write` puts into the folder that it gets; older ones than the last are removed."""
        with _folder(self._folder / _name(step)) as folder:
            write(folder)
            files.write_json(folder / _STATE_FILE, state)
        for old in self._all()[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def newest(self) -> tuple[dict[str, Any], Path] | None:
        """The state of the newest whole checkpoint, and its folder."""
        for folder in reversed(self._all()):
            try:
                return orjson.loads((folder / _STATE_FILE).read_bytes()), folder
            except (OSError, orjson.JSONDecodeError):  # somebody's hand was in it
                continue
        return None

    def _all(self) -> list[Path]:
        return _steps(self._folder)


class BestAdapter:
    """The best adapter of a job so far."""

    def __init__(self, job_dir: Path) -> None:
        self.path = job_dir / BEST
        self._folder = job_dir / "adapters"

    def save(self, step: int, record: dict[str, Any], write: Callable[[Path], None]) -> None:
        """Make the adapter that `write` writes the best one; `record` says why."""
        # Of its own name: an attempt that was killed may have got this far, and readers have its adapter.
        target = self._folder / f"{_name(step)}-{secrets.token_hex(3)}"
        with _folder(target) as folder:
            write(folder)
            files.write_json(folder / BEST_FILE, record)
        link = self._folder / f".{target.name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(target.relative_to(self.path.parent))
        link.replace(self.path)  # readers see the old one or the new one
        files.sync_directory(self.path.parent)
        for old in _steps(self._folder):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)

    def record(self) -> dict[str, Any] | None:
        """What was said when the best one was kept; None while there is none."""
        try:
            content: dict[str, Any] = orjson.loads((self.path / BEST_FILE).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return content


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` when the block ends well, and is gone otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(".step-*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)  # of a process that was killed
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield folder
        for file in folder.iterdir():
            files.sync_file(file)
        files.sync_directory(folder)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files.sync_directory(target.parent)


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _steps(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _STEP.fullmatch(path.name))
