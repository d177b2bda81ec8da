"""The statement that goes with every written file: which filter it passed, what was found, and which bytes it means."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from whetstone.clock import iso, now_ms
from whetstone.privacy.gate import PrivacyGate

SCHEMA: Final = "whetstone.privacy_attestation.v1"


class WrittenFile(NamedTuple):
    """A file as the attestation names it; `sha256` is hexadecimal."""

    name: str
    bytes: int
    sha256: str
    files: int | None = None
    """Of a folder: how many files it holds."""

    @classmethod
    def of(cls, path: Path) -> WrittenFile:
        """The file at `path`, read in pieces."""
        with path.open("rb") as file:
            return cls(path.name, path.stat().st_size, file_digest(file, "sha256").hexdigest())

    @classmethod
    def of_folder(cls, path: Path) -> WrittenFile:
        """All files of a folder as one entry.

        Its digest is SHA-256 over the lines `name\\0sha256\\n` of the files in the order of their names.
        """
        whole, total, number = sha256(), 0, 0
        for each in map(cls.of, sorted(path.iterdir())):
            whole.update(f"{each.name}\0{each.sha256}\n".encode())
            total, number = total + each.bytes, number + 1
        return cls(f"{path.name}/", total, whole.hexdigest(), number)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {key: value for key, value in self._asdict().items() if value is not None}


def attestation(
    gate: PrivacyGate, residual: dict[str, Any] | None, files: Iterable[WrittenFile]
) -> dict[str, Any]:
    """The attestation of what was written with `gate`; `residual` is null where nothing was scanned again."""
    report = gate.report
    return {
        "schema": SCHEMA,
        "generatedAt": iso(now_ms()),
        "filter": filter_description(gate),
        "policy": report.applied_policies(),
        "replacement": gate.replacement,
        "trajectories": report.trajectories,
        "counts": {
            "byKind": report.by_kind(),
            "byField": report.by_field(),
            "byTier": report.by_tier(),
        },
        "dropped": dict(report.dropped_by_reason),
        "residual": residual,
        "files": [file.to_dict() for file in files],
    }


def filter_description(gate: PrivacyGate) -> dict[str, Any]:
    """Which filter it was."""
    report = gate.report
    return {
        "version": report.filter_version,
        "configHash": report.config_hash,
        "models": list(report.models),
        "disabledDetectors": list(report.disabled),
    }
