"""Downloads of raw trajectories as JSON, CSV or ZIP, streamed: memory does not grow with the store.

Formats, names and redaction follow the wire contract §5.2, §5.4 and §5.6. Nothing here passes the privacy filter:
these are a user's own records, not training data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from whetstone.clock import iso, now_ms
from whetstone.errors import InvalidInputError
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.csv_export import csv_text
from whetstone.trajectories.redaction import without_prompts
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.zip_export import zip_bytes

RawFormat = Literal["json", "csv", "zip"]

_CHUNK = 65_536  # bytes; many small chunks would cost more than the data in them


@dataclass(frozen=True, slots=True)
class Export:
    """A file to download; `chunks` can be read once."""

    filename: str
    media_type: str
    chunks: AsyncIterator[bytes]


def export(
    store: TrajectoryStore,
    file_format: RawFormat,
    wanted: TrajectoryFilter,
    include_prompts: bool,
) -> Export:
    """All trajectories that `wanted` describes, newest first. Raises InvalidInputError on an unknown format."""
    now = now_ms()
    if file_format == "json":
        return Export(
            f"trajectories-{now}.json", "application/json", _gather(_json(store, wanted, include_prompts))
        )
    if file_format == "csv":
        return Export(f"trajectories-{now}.csv", "text/csv", _gather(csv_text(store.records(wanted))))
    if file_format == "zip":
        stamp = iso(now).replace(":", "-").replace(".", "-")
        archive = zip_bytes(store, wanted, include_prompts=include_prompts, exported_at=now)
        return Export(f"trajectories-{stamp}.zip", "application/zip", _gather(archive))
    raise InvalidInputError("Format must be 'json', 'csv', or 'zip'")


async def _json(
    store: TrajectoryStore, wanted: TrajectoryFilter, include_prompts: bool
) -> AsyncIterator[bytes]:
    """A pretty-printed array of trajectory documents."""
    separator = b"[\n  "
    async for document in store.stream(wanted):
        yield separator + _indented(document if include_prompts else without_prompts(document))
        separator = b",\n  "
    yield b"[]" if separator.startswith(b"[") else b"\n]"


def _indented(document: dict[str, Any]) -> bytes:
    # JSON strings never hold a raw line feed, so each one is layout.
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n  ")


async def _gather(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for part in parts:
        buffer += part
        if len(buffer) >= _CHUNK:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
