"""The `current` pointer of a task's folder: which version is in use.

A symbolic link to `vN.json`, as newer Elizas write it; a small text file with that name where the file system
has no links. Older Elizas read neither and take the newest `generatedAt` of the folder's *.json files.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from whetstone.files import sync_directory, write_atomic

POINTER = "current"

_VERSION_FILE = re.compile(r"v([1-9][0-9]{0,8})\.json")


def version_file(version: int) -> str:
    """`v3.json` for version 3."""
    return f"v{version}.json"


def version_of(name: str) -> int | None:
    """The version that a file name stands for; None for any other name."""
    match = _VERSION_FILE.fullmatch(name)
    return int(match[1]) if match else None


def read_pointer(folder: Path) -> int | None:
    """The version that the pointer names, whether or not its file exists; None without a readable pointer."""
    path = folder / POINTER
    try:
        target = str(path.readlink()) if path.is_symlink() else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return version_of(target.strip())


def write_pointer(folder: Path, version: int) -> None:
    """Point at a version, atomically and durably."""
    target = version_file(version)
    link = folder / f".{POINTER}.{secrets.token_hex(8)}"
    try:
        link.symlink_to(target)
    except OSError:
        write_atomic(folder / POINTER, f"{target}\n".encode())
        return
    try:
        link.replace(folder / POINTER)
    except BaseException:
        link.unlink(missing_ok=True)
        raise
    sync_directory(folder)
