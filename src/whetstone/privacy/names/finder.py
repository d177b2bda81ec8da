"""Finds the names in texts: the entrance to the tier. Imports none of the models' libraries."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from whetstone.errors import UnavailableError
from whetstone.privacy.detectors.address import ADDRESS
from whetstone.privacy.detectors.contact import EMAIL, PHONE
from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.cache import NameCache
from whetstone.privacy.names.chunks import Chunk, chunks, may_hold_name
from whetstone.privacy.names.code import kept_in_code
from whetstone.privacy.names.combine import VERSION
from whetstone.privacy.names.entity import Found
from whetstone.privacy.names.models import INSTALL_HINT, MODELS, ModelInfo, missing
from whetstone.privacy.names.process import WorkerProcess
from whetstone.privacy.names.worker import IDLE_SECONDS
from whetstone.privacy.replacement.placeholders import label, mask_placeholders
from whetstone.settings import Settings

_REQUEST_CHUNKS: Final = 32
"""Pieces asked for at once: other threads get their turn, and what was found is kept, every second or two."""
_ORDERS: Final = {
    "email": Order.EMAIL,
    "address": Order.ADDRESS,
    "phone": Order.PHONE,
    "location": Order.LOCATION,
    "organization": Order.ORGANIZATION,
    "person": Order.PERSON,
}
_LABELS: Final = {"email": EMAIL, "address": ADDRESS, "phone": PHONE}
_BACKUP = 9
"""Rank of these spans: a rule's name for the same place is better."""


class NameFinder(Protocol):
    """Finds names of persons, places and organisations, and addresses."""

    @property
    def description(self) -> tuple[ModelInfo, ...]:
        """The models, for attestations."""

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Disjoint spans in text order, one list for each text; what is found in a text depends on it alone.

        Busy for as long as the models need (about 10 kB a second when nothing is in the cache): call it in a
        thread from the event loop. Thread-safe.

        Raises:
            UnavailableError: the models cannot be run.
        """


class ModelFinder:
    """The finder that asks the worker process, and remembers."""

    def __init__(self, cache_file: Path | None, idle_seconds: float = IDLE_SECONDS) -> None:
        version = "\n".join([VERSION, *(model.info.sha256 for model in MODELS)])
        self._cache = NameCache(cache_file, version)
        self._worker = WorkerProcess(idle_seconds)

    @property
    def description(self) -> tuple[ModelInfo, ...]:
        """The models, for attestations."""
        return tuple(model.info for model in MODELS)

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker while it runs."""
        return self._worker.pid

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """See `NameFinder.find`."""
        pieces = [_pieces(text) for text in texts]
        keys = {piece.text: self._cache.key(piece.text) for group in pieces for piece in group}
        found = self._cache.get(keys.values())
        unknown = [text for text, key in keys.items() if key not in found]
        for start in range(0, len(unknown), _REQUEST_CHUNKS):
            batch = unknown[start : start + _REQUEST_CHUNKS]
            answers = dict(zip((keys[text] for text in batch), self._worker.find(batch), strict=True))
            self._cache.put(answers)
            found |= answers
        return [
            _spans(
                kept_in_code(text, ((piece.start, piece.text, found[keys[piece.text]]) for piece in group))
            )
            for text, group in zip(texts, pieces, strict=True)
        ]

    def close(self) -> None:
        """End the worker and close the cache's file; both come back when they are used."""
        self._worker.stop()
        self._cache.close()


def _pieces(text: str) -> list[Chunk]:
    return [piece for piece in chunks(mask_placeholders(text)) if may_hold_name(piece.text)]


def _spans(findings: Iterable[tuple[int, Sequence[Found]]]) -> list[Span]:
    return [
        Span(
            offset + item.start,
            offset + item.end,
            item.kind,
            _LABELS.get(item.kind) or label(item.kind),
            _ORDERS.get(item.kind, Order.IDENTITY),
            _BACKUP,
            Tier.NAMES,
        )
        for offset, found in findings
        for item in found
    ]


_finders: dict[Path, ModelFinder] = {}
_finders_lock = threading.Lock()


def open_finder(settings: Settings) -> NameFinder | None:
    """The finder of this process for the state folder; None when the tier is off or its packages are missing.

    Raises:
        UnavailableError: the settings demand the tier and its packages are missing.
    """
    if settings.privacy_names == "off":
        return None
    if absent := missing():
        if settings.privacy_names == "auto":
            return None
        msg = f"WHETSTONE_PRIVACY_NAMES=on, but {', '.join(absent)} is not installed. {INSTALL_HINT}"
        raise UnavailableError(msg)
    path = settings.state_dir / "privacy" / "names.sqlite"
    with _finders_lock:
        if path not in _finders:
            _finders[path] = ModelFinder(path)
        return _finders[path]


@atexit.register
def _close_finders() -> None:
    for finder in _finders.values():
        finder.close()
