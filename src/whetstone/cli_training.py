"""What the commands that train share: finding rows, a folder that the same command finds again, a bar."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from whetstone.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from whetstone.settings import Settings

INTERRUPTED = 130


class InterruptedTrainingError(Exception):
    """The user ended the training; the message says what is kept."""


def find_dataset(settings: Settings, name: str) -> tuple[str, Path]:
    """Id and path of a dataset: one of the service's, a folder or a file. Raises `InvalidInputError`."""
    stored = settings.training_dir / "datasets" / name
    path = stored if stored.is_dir() else Path(name).expanduser().absolute()
    if not path.exists():
        raise InvalidInputError(f"There is neither a dataset {name} nor a file of that name")
    return path.stem if path.is_file() else path.name, path


def job_place(settings: Settings, path: Path, *parts: bytes) -> tuple[str, Path]:
    """Id and folder of the job on these rows with these options: the same for the same command.

    Other rows or models make another job, for one that has begun could not go on with them.
    """
    digest = hashlib.sha256(b"\x00".join((*parts, _content(path))))
    job_id = f"cli-{digest.hexdigest()[:12]}"
    return job_id, settings.training_dir / "jobs" / job_id


def _content(path: Path) -> bytes:
    """A digest of the rows."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.glob("*.jsonl")):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.digest()


class Bar:
    """The reporter of a terminal: a bar with the newest message, log lines above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=1.0)

    def progress(self, fraction: float, phase: str, message: str, **_extra: Any) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=fraction, description=f"{phase}: {message}")

    def log(self, message: str, **extra: Any) -> None:
        """Print a line; of an accepted edit also what it changes."""
        console = self._progress.console
        console.print(message, markup=False, highlight=False)
        if edit := extra.get("edit"):
            console.print(edit["diff"], markup=False, highlight=False, style="dim")


def progress_bar() -> Progress:
    """A bar on stderr, for `Bar`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=24), TextColumn("{task.percentage:3.0f}%"), TimeElapsedColumn())
    message = TextColumn("{task.description}", markup=False)
    return Progress(*columns, message, console=Console(stderr=True), transient=True)


def sentence(error: Exception) -> str:
    """What went wrong, for the terminal."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
