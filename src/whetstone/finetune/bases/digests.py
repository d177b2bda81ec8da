"""Hashes of model files, each computed once: gigabytes are not read again while size and time of change stay."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from whetstone.files import write_json

_MAX_ENTRIES = 2000
# Says who wrote the file, not what the model is.
_NOT_IDENTITY = {"transformers_version", "_name_or_path", "_model_name_or_path"}


class Digests:
    """SHA-256 of files, remembered in `<cache>/digests.json` under path, size, inode and time of change."""

    def __init__(self, cache_dir: Path) -> None:
        self._file = cache_dir / "digests.json"

    def of(self, path: Path) -> str:
        """The file's SHA-256, hexadecimal; of a link the file's that it names."""
        real = path.resolve()
        status = real.stat()
        stamp = [status.st_size, status.st_ino, status.st_mtime_ns]
        known = self._read().get(str(real))
        if isinstance(known, dict) and known.get("stamp") == stamp and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
        with real.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # Read again: another process may have added its own meanwhile. To lose one of them only costs time.
        entries = {**self._read(), str(real): {"stamp": stamp, "sha256": digest}}
        kept = dict(list(entries.items())[-_MAX_ENTRIES:])
        write_json(self._file, kept)
        return digest

    def _read(self) -> dict[str, Any]:
        try:
            content = orjson.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def fingerprint(folder: Path, config: Mapping[str, Any], digests: Digests) -> str:
    """What makes this model this model: SHA-256 over its configuration and its weights, wherever the folder is."""
    identity = {key: value for key, value in config.items() if key not in _NOT_IDENTITY}
    content = {
        "config": identity,
        "weights": {path.name: digests.of(path) for path in sorted(folder.glob("*.safetensors"))},
    }
    encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(encoded).hexdigest()
