"""The attestations of downloads, for the client that has just finished one; the newest few, in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

_MOST: Final = 256


class AttestationLedger:
    """Attestations by the id of their download. What is old makes room; a restart forgets all."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: OrderedDict[str, dict[str, Any] | None] = OrderedDict()

    def begin(self, download_id: str) -> None:
        """A download has begun."""
        self._entries[download_id] = None
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def complete(self, download_id: str, attestation: dict[str, Any]) -> None:
        """The last byte of a download has left."""
        if download_id in self._entries:
            self._entries[download_id] = attestation

    def get(self, download_id: str) -> dict[str, Any] | None:
        """The attestation; None while the download goes on, and for good when it broke off.

        Raises KeyError for an unknown or forgotten id.
        """
        return self._entries[download_id]
