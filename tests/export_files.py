"""What the tests of exports share: whole downloads, and what is in them whatever their format."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import orjson
import pyarrow.parquet

from whetstone.trajectories.exports.export import Export

Json = dict[str, Any]


async def whole(export: Export) -> bytes:
    """The whole download."""
    return b"".join([chunk async for chunk in export.chunks])


def table(content: bytes) -> list[Json]:
    """The rows of a Parquet file."""
    rows: list[Json] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def members(content: bytes) -> dict[str, bytes]:
    """The files of a ZIP archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def readable(export: Export, content: bytes) -> bytes:
    """Everything that somebody who opens the file can read."""
    if export.filename.endswith(".parquet"):
        return repr(table(content)).encode() + content
    if export.filename.endswith(".zip"):
        return b"".join(name.encode() + file for name, file in members(content).items())
    return content


def items(export: Export, content: bytes) -> list[Json]:
    """The rows or documents of a file that is not an archive."""
    if export.filename.endswith(".parquet"):
        return table(content)
    if export.filename.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    if export.filename.endswith(".json"):
        documents: list[Json] = orjson.loads(content)
        return documents
    return [orjson.loads(line) for line in content.splitlines()]


def without_nulls(value: Any) -> Any:
    """`value` without members that are null, and without objects and lists that are empty."""
    if isinstance(value, dict):
        pruned = {name: without_nulls(member) for name, member in value.items()}
        return {name: member for name, member in pruned.items() if member not in (None, {}, [])}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
