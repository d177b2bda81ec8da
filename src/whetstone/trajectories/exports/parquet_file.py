"""Parquet files, streamed: rows come in, row groups go out, and only one of them is in memory.

pyarrow is large and slow to import, so it is an extra and imported by the first export that needs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from whetstone.errors import NotAvailableError
from whetstone.trajectories.exports.batches import in_thread

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = "application/vnd.apache.parquet"

_GROUP_BYTES = 4 << 20  # of a row group before compression
_GROUP_ROWS = 10_000

Rows = Sequence[dict[str, Any]]


async def parquet_bytes(
    schema: Callable[[], pa.Schema], batches: AsyncIterator[Rows]
) -> AsyncIterator[bytes]:
    """A Parquet file of all rows, compressed with zstd. Raises NotAvailableError where pyarrow is missing."""
    file = await in_thread(_open, schema)
    async for rows in batches:
        if data := await in_thread(file.add, rows):
            yield data
    yield await in_thread(file.end)


def _open(schema: Callable[[], pa.Schema]) -> _ParquetFile:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        msg = "Parquet files need pyarrow, which is not installed: pip install 'whetstone[parquet]'"
        raise NotAvailableError(msg) from error
    # Its own allocators keep what was freed; a server gives it back.
    pa.set_memory_pool(pa.system_memory_pool())
    return _ParquetFile(schema())


class _ParquetFile:
    def __init__(self, schema: pa.Schema) -> None:
        from pyarrow.parquet import ParquetWriter

        self._schema = schema
        self._sink = _Sink()
        # The table of contents stays in memory to the end: smallest and largest texts would make it long.
        plain = [field.name for field in schema if _is_plain(field.type)]
        self._writer = ParquetWriter(self._sink, schema, compression="zstd", write_statistics=plain)
        self._waiting: list[pa.RecordBatch] = []

    def add(self, rows: Rows) -> bytes:
        """Append rows; returns the bytes of the file that are complete by now, often none."""
        import pyarrow as pa

        if rows:
            self._waiting.append(pa.RecordBatch.from_pylist(list(rows), schema=self._schema))
        size = sum(batch.nbytes for batch in self._waiting)
        if size >= _GROUP_BYTES or sum(batch.num_rows for batch in self._waiting) >= _GROUP_ROWS:
            self._write_group()
        return self._sink.take()

    def end(self) -> bytes:
        """The rest of the file."""
        if self._waiting:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _write_group(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        self._waiting = []
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))


def _is_plain(kind: pa.DataType) -> bool:
    """Whether the type is a number, a time or a boolean."""
    from pyarrow import types

    return bool(types.is_primitive(kind))


class _Sink:
    """The write end of a pipe that cannot seek: collects bytes until they are taken."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken = 0
        self.closed = False

    def write(self, data: bytes, /) -> int:
        self._buffer += data
        return len(data)

    def tell(self) -> int:
        return self._taken + len(self._buffer)

    def flush(self) -> None:
        """Nothing to do: `take` sees all that was written."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        data = bytes(self._buffer)
        self._taken += len(data)
        self._buffer.clear()
        return data
