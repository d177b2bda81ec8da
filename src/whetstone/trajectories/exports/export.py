"""Downloads of raw trajectories as JSON, CSV, ZIP or Parquet, streamed: memory does not grow with the store.

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
from whetstone.trajectories.exports.batches import batches, in_thread
from whetstone.trajectories.exports.call_table import call_rows, call_schema
from whetstone.trajectories.exports.csv_text import csv_text
from whetstone.trajectories.exports.parquet_file import PARQUET, parquet_bytes
from whetstone.trajectories.exports.redaction import without_prompts
from whetstone.trajectories.exports.zip_archive import zip_bytes
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

RawFormat = Literal["json", "csv", "zip", "parquet"]

Json = dict[str, Any]


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
    """All trajectories that `wanted` describes, newest first.

    Raises InvalidInputError on an unknown format. Reading the chunks raises NotAvailableError, before the first,
    where Parquet cannot be written.
    """
    now = now_ms()
    if file_format == "json":
        return Export(f"trajectories-{now}.json", "application/json", _json(store, wanted, include_prompts))
    if file_format == "csv":
        return Export(f"trajectories-{now}.csv", "text/csv", csv_text(store.records(wanted)))
    if file_format == "zip":
        stamp = iso(now).replace(":", "-").replace(".", "-")
        archive = zip_bytes(store, wanted, include_prompts=include_prompts, exported_at=now)
        return Export(f"trajectories-{stamp}.zip", "application/zip", archive)
    if file_format == "parquet":
        rows = _call_rows(store, wanted, include_prompts)
        return Export(f"trajectories-{now}.parquet", PARQUET, parquet_bytes(call_schema, rows))
    raise InvalidInputError("Format must be 'json', 'csv', 'zip', or 'parquet'")


async def _json(
    store: TrajectoryStore, wanted: TrajectoryFilter, include_prompts: bool
) -> AsyncIterator[bytes]:
    """A pretty-printed array of trajectory documents."""
    separator = b"[\n"
    async for documents in batches(store.stream(wanted)):
        # An array of a few documents is laid out like the whole one; only its brackets are in the way.
        part = await in_thread(_pretty, documents, include_prompts=include_prompts)
        yield separator + part[len(b"[\n") : -len(b"\n]")]
        separator = b",\n"
    yield b"[]" if separator == b"[\n" else b"\n]"


def _pretty(documents: list[Json], *, include_prompts: bool) -> bytes:
    shown = documents if include_prompts else [without_prompts(document) for document in documents]
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2)


async def _call_rows(
    store: TrajectoryStore, wanted: TrajectoryFilter, include_prompts: bool
) -> AsyncIterator[list[Json]]:
    def rows(documents: list[Json]) -> list[Json]:
        shown = documents if include_prompts else map(without_prompts, documents)
        return [row for document in shown for row in call_rows(document)]

    async for documents in batches(store.stream(wanted)):
        yield await in_thread(rows, documents)
