"""Optimized prompts on disk: versions, history, rollback.

    <root>/<task>/v1.json, v2.json…      every promoted prompt; a version's file never changes
    <root>/<task>/current                which one is in use (see `pointer`)
    <root>/<task>/rejected/*.json        candidates that the promotion gate did not let through

Older Elizas take the *.json file of the folder with the newest `generatedAt`. So each promotion *and each
rollback* is a new version whose `generatedAt` is later than all others, and both ways of reading agree. The
pointer is written before the version's file: whoever finds no file behind it takes the newest sound version, and
the one rename that brings the file in switches every reader at once, also if the writer dies half-way.

The methods block on the disk for milliseconds; event loops call them through `asyncio.to_thread`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from filelock import FileLock

from whetstone.clock import iso, now_ms
from whetstone.errors import ConflictError, NotFoundError
from whetstone.files import write_atomic
from whetstone.prompts.artifact import BASELINE_VERSION, ArtifactError, PromptArtifact, check_task, parse
from whetstone.prompts.pointer import POINTER, read_pointer, version_file, version_of, write_pointer

_REJECTED = "rejected"
_LOCK = ".lock"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class StoredPrompt:
    """A version of a task's prompt as it lies on disk."""

    version: int
    path: Path
    artifact: PromptArtifact

    @property
    def origin(self) -> int:
        """The version that first brought this content (`BASELINE_VERSION` for the unoptimized prompt)."""
        restored = self.artifact.restored_from
        return self.version if restored is None else restored


@dataclass(frozen=True)
class Problem:
    """A file that the store leaves out, and why, in words for the operator."""

    task: str
    file: str
    reason: str


class PromptStore:
    """The optimized prompts below one folder. Safe for several processes at once: the disk is its only state."""

    def __init__(self, directory: Path, *, keep: int | None = None) -> None:
        """`keep`: promoted versions to keep per task (at least 2, for rollback); None keeps all."""
        if keep is not None and keep < 2:
            msg = "keep must be at least 2, or rollback has nothing to go back to"
            raise ValueError(msg)
        self._root = directory
        self._keep = keep
        self._warned: set[tuple[Path, str]] = set()

    def save_promoted(self, artifact: PromptArtifact) -> StoredPrompt:
        """Make `artifact` the current prompt of its task, as the next version.

        `generatedAt` stays as it is unless another artifact is as late; then it is moved behind that.
        """
        with self._locked(artifact.task) as folder:
            return self._append(folder, artifact)

    def save_rejected(self, artifact: PromptArtifact) -> Path:
        """Keep a candidate that was not promoted, out of sight of whoever reads the current prompt."""
        content = artifact.to_json()
        with self._locked(artifact.task) as folder:
            rejected = folder / _REJECTED
            stamp = now_ms()
            while (path := rejected / f"candidate_rejected_{stamp}.json").exists():
                stamp += 1
            write_atomic(path, content)
            return path

    def current(self, task: str) -> StoredPrompt | None:
        """The prompt in use: the one pointed at, else the newest sound version; None without any."""
        folder = self._folder(task)
        pointed = read_pointer(folder)
        if pointed is not None:
            path = folder / version_file(pointed)
            artifact = _read(path, task)
            if isinstance(artifact, PromptArtifact):
                return StoredPrompt(pointed, path, artifact)
        by_time = sorted(self._versions(folder), key=lambda stored: stored.artifact.generated_ms)
        return by_time[-1] if by_time else None

    def all_current(self) -> dict[str, StoredPrompt]:
        """The prompt in use of each task that has one, by task."""
        found = ((task, self.current(task)) for task in self._tasks())
        return {task: stored for task, stored in found if stored is not None}

    def history(self, task: str) -> list[StoredPrompt]:
        """All sound versions of a task, newest first."""
        return list(reversed(self._versions(self._folder(task))))

    def rejected(self, task: str) -> list[PromptArtifact]:
        """The candidates that were not promoted, newest first."""
        folder = self._folder(task) / _REJECTED
        read = (_read(path, task) for path in sorted(folder.glob("candidate_rejected_*.json"), reverse=True))
        return [result for result in read if isinstance(result, PromptArtifact)]

    def get(self, task: str, version: int) -> StoredPrompt:
        """One version; raises `NotFoundError` if there is none or its file is unusable."""
        path = self._folder(task) / version_file(version)
        artifact = _read(path, task) if version > 0 and path.is_file() else None
        if not isinstance(artifact, PromptArtifact):
            msg = f"task {task} has no usable version {version}"
            raise NotFoundError(msg)
        return StoredPrompt(version, path, artifact)

    def rollback(self, task: str) -> StoredPrompt:
        """Bring back the prompt that was in use before the current one, as a new version.

        Repeated calls walk further back, and in the end to the prompt from before any optimization; a prompt
        that was rolled back never returns by a rollback. Raises `NotFoundError` when the task has no optimized
        prompt, `ConflictError` when it is back at the baseline already.
        """
        if self.current(task) is None:
            msg = f"task {task} has no optimized prompt to roll back"
            raise NotFoundError(msg)
        with self._locked(task) as folder:
            versions = self._versions(folder)
            current = self.current(task)
            if current is None or current.origin == BASELINE_VERSION:
                msg = f"task {task} is back at its original prompt already"
                raise ConflictError(msg)
            older = [stored for stored in versions if stored.version < current.origin]
            restored = _restored(older[-1]) if older else _baseline_of(versions[0])
            return self._append(folder, restored.model_copy(update={"generated_at": iso(now_ms())}))

    def problems(self) -> list[Problem]:
        """Files in the tasks' folders that are left out of all other answers, and why."""
        return [
            problem for task in self._tasks() for problem in _problems(self._folder(task), self.current(task))
        ]

    def _append(self, folder: Path, artifact: PromptArtifact) -> StoredPrompt:
        version = max(_version_files(folder), default=0) + 1
        latest = max((other.generated_ms for other in _all_artifacts(folder)), default=0)
        artifact = artifact.model_copy(update={"generated_at": iso(max(artifact.generated_ms, latest + 1))})
        path = folder / version_file(version)
        content = artifact.to_json()
        write_pointer(folder, version)
        write_atomic(path, content)
        self._prune(folder)
        return StoredPrompt(version, path, artifact)

    def _versions(self, folder: Path) -> list[StoredPrompt]:
        """The sound versions, oldest first; a broken one is logged (once) and left out."""
        sound = []
        for version, path in sorted(_version_files(folder).items()):
            artifact = _read(path, folder.name)
            if isinstance(artifact, PromptArtifact):
                sound.append(StoredPrompt(version, path, artifact))
            elif (path, artifact.message) not in self._warned:
                self._warned.add((path, artifact.message))
                _log.warning(
                    "prompt_artifact_ignored", task=folder.name, file=path.name, reason=artifact.message
                )
        return sound

    def _prune(self, folder: Path) -> None:
        if self._keep is None:
            return
        for version in sorted(_version_files(folder))[: -self._keep]:
            (folder / version_file(version)).unlink(missing_ok=True)

    def _folder(self, task: str) -> Path:
        return self._root / check_task(task)

    def _tasks(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir() and _is_task(entry.name))

    @contextmanager
    def _locked(self, task: str) -> Iterator[Path]:
        """The task's folder, ours alone among all processes."""
        folder = self._folder(task)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK):
            yield folder


def _is_task(name: str) -> bool:
    try:
        check_task(name)
    except ArtifactError:
        return False
    return True


def _version_files(folder: Path) -> dict[int, Path]:
    """The folder's version files, sound or not, by version."""
    if not folder.is_dir():
        return {}
    numbered = ((version_of(path.name), path) for path in folder.iterdir())
    return {version: path for version, path in numbered if version is not None}


def _read(path: Path, task: str) -> PromptArtifact | ArtifactError:
    try:
        artifact = parse(path.read_bytes())
    except OSError as error:
        return ArtifactError(f"cannot be read: {error.strerror}")
    except ArtifactError as error:
        return error
    if artifact.task != task:
        return ArtifactError(f"is an artifact of task {artifact.task}", "task")
    return artifact


def _restored(stored: StoredPrompt) -> PromptArtifact:
    return stored.artifact.model_copy(update={"restored_from": stored.origin})


def _baseline_of(first: StoredPrompt) -> PromptArtifact:
    """The prompt from before any optimization: the baseline that the oldest version was measured against."""
    return first.artifact.model_copy(
        update={
            "prompt": first.artifact.baseline,
            "score": first.artifact.baseline_score,
            "few_shot_examples": [],
            "promotion_decision": None,
            "per_example": None,
            "restored_from": BASELINE_VERSION,
        }
    )


def _all_artifacts(folder: Path) -> Iterator[PromptArtifact]:
    """Every artifact that an older Eliza would consider, whoever wrote it and whatever its file is called."""
    for path in folder.glob("*.json"):
        artifact = _read(path, folder.name)
        if isinstance(artifact, PromptArtifact):
            yield artifact


def _problems(folder: Path, in_use: StoredPrompt | None) -> Iterator[Problem]:
    pointed = read_pointer(folder)
    if pointed is not None and (in_use is None or in_use.version != pointed):
        reason = (
            f"names {version_file(pointed)}, which is missing or unusable; the newest sound version is in use"
        )
        yield Problem(folder.name, POINTER, reason)
    for path in sorted(folder.glob("*.json")):
        artifact = _read(path, folder.name)
        if isinstance(artifact, ArtifactError):
            yield Problem(folder.name, path.name, artifact.message)
        elif version_of(path.name) is None:
            reason = (
                "not a version v1.json, v2.json… of this store; older Elizas use it while it is the newest"
            )
            yield Problem(folder.name, path.name, reason)
