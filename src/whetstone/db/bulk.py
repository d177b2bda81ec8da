"""Statements that the driver runs for many rows at once.

SQLAlchemy prepares every value of every row in Python, which costs more than the database's own work; here the rows
are made ready in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import orjson
from sqlalchemy import JSON, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.engine import Dialect

T = TypeVar("T")
Row = Mapping[str, Any]

_ROWS = 256  # rows a statement: the event loop breathes between two of them


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def insert_rows(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], *, ignore_known: bool = False
) -> None:
    """Insert `rows`, which all have the columns of the first one and no others.

    With `ignore_known`, rows whose key or unique columns exist already are left out.
    """
    if not rows:
        return
    names = tuple(rows[0])
    dialect: Dialect = connection.dialect.name  # type: ignore[assignment]
    statement = _insert_statement(table, names, dialect, ignore_known)
    await _run(connection, statement, table, names, rows)


async def update_rows(
    connection: AsyncConnection, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Write the columns `names` of `rows`, which are found by their `key`."""
    if rows:
        dialect: Dialect = connection.dialect.name  # type: ignore[assignment]
        statement = _update_statement(table, tuple(names), dialect)
        await _run(connection, statement, table, (*names, "key"), rows)


async def new_keys(connection: AsyncConnection, table: Table, count: int) -> Sequence[int]:
    """`count` ascending keys for new rows of `table`, in a transaction that writes."""
    if not count:
        return ()
    if connection.dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence(:name, 'key')) FROM generate_series(1, :count)")
        return sorted((await connection.execute(query, {"name": table.name, "count": count})).scalars())
    # SQLite has one writer, and this is it.
    if table.dialect_options["sqlite"]["autoincrement"]:
        last = select(text("seq")).select_from(text("sqlite_sequence")).where(text("name = :name"))
        used = (await connection.execute(last, {"name": table.name})).scalar() or 0
    else:
        used = (await connection.execute(select(func.max(table.c.key)))).scalar() or 0
    return range(used + 1, used + 1 + count)


async def _run(
    connection: AsyncConnection, statement: str, table: Table, names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    values = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    json_places = [place for place, name in enumerate(names) if isinstance(table.c[name].type, JSON)]
    for part in slices(rows, _ROWS):
        if not json_places:
            prepared = [values(row) for row in part]
        else:
            prepared = [_encoded(list(values(row)), json_places) for row in part]
        await connection.exec_driver_sql(statement, prepared)


def _encoded(values: list[Any], places: Sequence[int]) -> tuple[Any, ...]:
    for place in places:
        if (value := values[place]) is not None:
            values[place] = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return tuple(values)


@lru_cache(maxsize=256)
def _insert_statement(table: Table, names: tuple[str, ...], dialect: Dialect, ignore_known: bool) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    conflict = " ON CONFLICT DO NOTHING" if ignore_known else ""
    return f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join(_marks(dialect, len(names)))}){conflict}"  # noqa: S608


@lru_cache(maxsize=256)
def _update_statement(table: Table, names: tuple[str, ...], dialect: Dialect) -> str:
    *marks, key = _marks(dialect, len(names) + 1)
    values = ", ".join(f'"{name}" = {mark}' for name, mark in zip(names, marks, strict=True))
    return f'UPDATE {table.name} SET {values} WHERE "key" = {key}'  # noqa: S608


def _marks(dialect: Dialect, count: int) -> list[str]:
    if dialect == "postgresql":
        return [f"${place}" for place in range(1, count + 1)]
    return ["?"] * count
