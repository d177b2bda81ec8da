"""A finished model's folder: its files, their digests, and how it is read back. Standard library and orjson only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import orjson

from whetstone.files import sync_directory, sync_file, write_json

MANIFEST: Final = "manifest.json"
SCHEMA: Final = "whetstone.model.v1"

ADAPTER: Final = "adapter"
MERGED: Final = "merged"
GGUF_ADAPTER: Final = "gguf/adapter.gguf"
GGUF_MODEL: Final = "gguf/model-f16.gguf"
FORMS: Final = {"adapter": ADAPTER, "ggufAdapter": GGUF_ADAPTER, "merged": MERGED, "gguf": GGUF_MODEL}
"""The forms a model may have, and where each lies in its folder."""

RECIPE: Final = "recipe.json"
METRICS: Final = "metrics.jsonl"
CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A whole model on disk; `manifest` is the content of its manifest.json."""

    model_id: str
    path: Path
    manifest: Mapping[str, Any]

    @property
    def forms(self) -> dict[str, Path]:
        """The forms that this model has (keys of `FORMS`), as absolute paths."""
        return {name: self.path / place for name, place in self.manifest["forms"].items()}

    @property
    def notes(self) -> list[str]:
        """Sentences on what could not be written, and why."""
        return list(self.manifest["notes"])

    @property
    def checks(self) -> list[dict[str, Any]]:
        """What was read back and compared: `{name, passed, detail}`."""
        return list(self.manifest["checks"])

    @property
    def total_bytes(self) -> int:
        return sum(file["bytes"] for file in self.manifest["files"])

    def damaged(self) -> list[str]:
        """Names of files that are missing or no longer those that were written; reads every byte."""
        return [
            file["name"]
            for file in self.manifest["files"]
            if not (path := self.path / file["name"]).is_file() or _digest(path) != file["sha256"]
        ]


def read_model(folder: Path) -> ModelFolder | None:
    """The model in `folder`; None when there is no whole one."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    known = isinstance(manifest, dict) and manifest.get("schema") == SCHEMA
    return ModelFolder(folder.name, folder, manifest) if known else None


def write_manifest(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write manifest.json over all files of `folder`, which become durable and their owner's alone."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o600)
        sync_file(path)
        files.append(
            {
                "name": path.relative_to(folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": _digest(path),
            }
        )
    manifest = {"schema": SCHEMA, **about, "files": files}
    write_json(folder / MANIFEST, manifest)
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        directory.chmod(0o700)
        sync_directory(directory)
    return manifest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
