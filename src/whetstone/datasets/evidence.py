"""What proves that written training data passed the privacy filter: a second scan, and an attestation.

The scan looks at what was written, not at what was meant to be written. Under the policy `strict` it must find
nothing; under the others its findings are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from whetstone.errors import ConflictError
from whetstone.privacy.attestation import WrittenFile, attestation, filter_description
from whetstone.privacy.gate import PrivacyGate
from whetstone.privacy.policy import Policy
from whetstone.privacy.residual import ResidualScan

Row = dict[str, Any]


class ResidualError(ConflictError):
    """Something private is left in what was written under the policy `strict`."""


class Lines(NamedTuple):
    """A file of rows, and the policy under which each of its lines was filtered."""

    path: Path
    policies: Sequence[Policy]


def scan_lines(scan: ResidualScan, lines: Lines, go_on: Callable[[], None]) -> None:
    """Look through a file of rows; `go_on` raises when nobody waits for the result any more."""
    with lines.path.open("rb") as file:
        for line, policy in zip(file, lines.policies, strict=True):
            go_on()
            scan.add(orjson.loads(line), len(line), policy)


def scan_document(scan: ResidualScan, path: Path, policy: Policy) -> None:
    """Look through a file that holds one JSON document."""
    content = path.read_bytes()
    scan.add(orjson.loads(content), len(content), policy)


def refuse_residuals(scan: ResidualScan) -> None:
    """Raise ResidualError where something is left that `strict` forbids."""
    if found := scan.found(Policy.STRICT):
        kinds = ", ".join(f"{kind} ({number})" for kind, number in sorted(found.items()))
        raise ResidualError(
            f"the privacy policy `strict` forbids what a second scan still found: {kinds}. Switch these detectors on "
            "(WHETSTONE_PRIVACY_DISABLED_DETECTORS), or allow harmless values (WHETSTONE_PRIVACY_ALLOW_LIST)"
        )


class ExportEvidence:
    """What is known about an export for training: the filter once it has begun, everything once it is complete."""

    def __init__(self) -> None:
        self._gate: PrivacyGate | None = None
        self._scan: ResidualScan | None = None

    def begin(self, gate: PrivacyGate) -> None:
        """The export is filtered by `gate`."""
        self._gate, self._scan = gate, ResidualScan(gate.residuals)

    def check(self, rows: Iterable[tuple[Row, Policy]]) -> None:
        """Scan filtered rows before they leave. Raises ResidualError."""
        if self._scan is None:
            raise ValueError("the export has not begun")
        for row, policy in rows:
            size = len(orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS))
            self._scan.add(row, size, policy)
        refuse_residuals(self._scan)

    def headers(self) -> dict[str, str]:
        """What is known before the first byte, as HTTP headers: filter version, configuration and default policy."""
        if self._gate is None:
            return {}
        described = filter_description(self._gate)
        return {
            "X-Whetstone-Privacy-Filter": described["version"],
            "X-Whetstone-Privacy-Config": described["configHash"],
            "X-Whetstone-Privacy-Policy": self._gate.policies.default.policy.value,
        }

    def attest(self, file: WrittenFile) -> dict[str, Any]:
        """The attestation of the complete file. Raises ValueError when no byte of it was read."""
        if self._gate is None or self._scan is None:
            raise ValueError("the export has not begun")
        return attestation(self._gate, self._scan.to_dict(), [file])
