"""Folders that are made once and kept: whole or absent, made by one process at a time, made again when damaged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from whetstone.errors import UnavailableError
from whetstone.files import sync_directory, write_json
from whetstone.finetune.bases.digests import Digests

_MANIFEST = "whetstone-manifest.json"
_FULL = "No space left on device"


def made_folder(
    parent: Path, key: str, make: Callable[[Path], None], digests: Digests, say: Callable[[str], None]
) -> Path:
    """The folder `parent/key`, filled by `make(folder)` unless it is there and whole.

    Others that want it at the same time wait. What `make` raises is passed on, and leaves nothing behind; a full
    disk becomes `UnavailableError`.
    """
    parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(parent / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Another job prepares this base model; waiting for it")
        lock.acquire()
    try:
        folder = parent / key
        if folder.is_dir():
            if _is_whole(folder, digests):
                return folder
            say("The prepared base model was damaged; it is made again")
            shutil.rmtree(folder)
        for left in parent.glob(f".{key}.*"):  # of a process that was killed; we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=parent))
        try:
            make(temporary)
            _write_manifest(temporary, digests)
            temporary.rename(folder)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if _FULL in str(error):  # safetensors has an error of its own for it, which is no OSError
                raise UnavailableError(
                    f"The disk became full while the base model was prepared in {parent}. "
                    "Make room, or set XDG_CACHE_HOME to a folder on another disk"
                ) from error
            raise
        sync_directory(parent)
        return folder
    finally:
        lock.release()


def _write_manifest(folder: Path, digests: Digests) -> None:
    files = {
        path.name: {"size": path.stat().st_size, "sha256": digests.of(path)}
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    write_json(folder / _MANIFEST, {"files": files})


def _is_whole(folder: Path, digests: Digests) -> bool:
    """Whether each file is what it was; sizes first, because that is quick."""
    try:
        files = orjson.loads((folder / _MANIFEST).read_bytes())["files"]
        return all(
            (folder / name).stat().st_size == wanted["size"] for name, wanted in files.items()
        ) and all(digests.of(folder / name) == wanted["sha256"] for name, wanted in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
