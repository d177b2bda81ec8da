"""Copying everything from one database to another, on whichever engines, and proving that it arrived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.bulk import insert_rows
from whetstone.db.checksums import Checksum
from whetstone.db.engine import Database
from whetstone.errors import ConflictError, WhetstoneError

_ROWS = 500  # rows that are in memory at once

Progress = Callable[[str, int, int], None]
"""Called with a table's name, the rows copied so far, and all of its rows."""

Finish = Callable[[AsyncConnection], Awaitable[None]]
"""What else the transaction shall do in the target."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that is the same on both sides."""

    name: str
    rows: int
    checksum: str


async def copy(
    source: Database, target: Database, tables: Sequence[Table], progress: Progress, finish: Finish
) -> list[CopiedTable]:
    """Copy `tables`, each after those that it refers to, with their keys, in one transaction, and `finish` it.

    Both databases have the schema of this version. Raises ConflictError when a table of the target has rows, and
    WhetstoneError when rows arrived differently; the target then stays empty.
    """
    copied = []
    async with source.read() as reader, target.write() as writer:
        await _refuse_rows(writer, tables)
        for table in tables:
            sent = await _copy_table(reader, writer, table, progress)
            await _advance_keys(writer, table)
            arrived = Checksum()
            async for rows in _pages(writer, table):
                arrived.add(rows)
            if (sent.rows, sent.text()) != (arrived.rows, arrived.text()):
                raise WhetstoneError(
                    f"The table {table.name} arrived differently: {sent.rows} rows with the checksum {sent.text()} "
                    f"became {arrived.rows} with {arrived.text()}. Nothing was kept"
                )
            copied.append(CopiedTable(table.name, sent.rows, sent.text()))
        await finish(writer)
    return copied


async def _refuse_rows(connection: AsyncConnection, tables: Collection[Table]) -> None:
    for table in tables:
        if (await connection.execute(select(table).limit(1))).first() is not None:
            raise ConflictError(
                f"The target is not empty: its table {table.name} has rows. Choose an empty one"
            )


async def _copy_table(
    reader: AsyncConnection, writer: AsyncConnection, table: Table, progress: Progress
) -> Checksum:
    total = await reader.scalar(select(func.count()).select_from(table)) or 0
    names = table.columns.keys()
    sent = Checksum()
    progress(table.name, 0, total)
    async for rows in _pages(reader, table):
        sent.add(rows)
        await insert_rows(writer, table, [dict(zip(names, row, strict=True)) for row in rows])
        progress(table.name, sent.rows, total)
    return sent


async def _pages(connection: AsyncConnection, table: Table) -> AsyncIterator[list[Sequence[Any]]]:
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_ROWS)
    async with connection.stream(query) as result:
        async for page in result.partitions():
            yield [tuple(row) for row in page]


async def _advance_keys(connection: AsyncConnection, table: Table) -> None:
    """Let new rows get keys above the copied ones. SQLite does so by itself."""
    column = table.autoincrement_column
    if connection.dialect.name == "sqlite" or column is None:
        return
    last = await connection.scalar(select(func.max(column)))
    if last is not None:
        advance = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        await connection.execute(advance, {"table": table.name, "column": column.name, "last": last})
