"""Columns of a Parquet file, described without pyarrow, and the cells that JSON values make in them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from whetstone.clock import parse_ms

if TYPE_CHECKING:
    import pyarrow as pa

Json = dict[str, Any]

_MAX_INT64 = 2**63 - 1


class Kind(Enum):
    """What a column holds. Any of them may be null."""

    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"
    TIME = "time"  # UTC, in milliseconds
    TEXTS = "texts"
    JSON = "json"  # as text


Columns = Mapping[str, "Kind | Columns | list[Columns]"]
"""Names and kinds of columns, or of the members of an object; in a list, of a list of objects."""


def arrow_schema(columns: Columns) -> pa.Schema:
    """The schema of a file with these columns."""
    import pyarrow as pa

    return pa.schema([(name, _arrow_type(kind)) for name, kind in columns.items()])


def cells(item: Mapping[str, Any], columns: Columns) -> Json:
    """The row that `item` makes: a member that is missing or of another type is null, further ones are left out."""
    return {name: _cell(item.get(name), kind) for name, kind in columns.items()}


def json_text(value: Any) -> str | None:
    """JSON of any shape as text; null stays null."""
    return None if value is None else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _arrow_type(kind: Kind | Columns | list[Columns]) -> pa.DataType:
    import pyarrow as pa

    if isinstance(kind, list):
        return pa.list_(_arrow_type(kind[0]))
    if not isinstance(kind, Kind):
        return pa.struct([(name, _arrow_type(member)) for name, member in kind.items()])
    types = {
        Kind.TEXT: pa.string(),
        Kind.NUMBER: pa.float64(),
        Kind.COUNT: pa.int64(),
        Kind.FLAG: pa.bool_(),
        Kind.TIME: pa.timestamp("ms", "UTC"),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.JSON: pa.string(),
    }
    return types[kind]


def _cell(value: Any, kind: Kind | Columns | list[Columns]) -> Any:
    if value is None:
        return None
    if kind is Kind.TEXT:
        return value if isinstance(value, str) else json_text(value)
    if isinstance(kind, list):
        return [cells(item, kind[0]) for item in value if isinstance(item, Mapping)]
    if not isinstance(kind, Kind):
        return cells(value, kind) if isinstance(value, Mapping) else None
    return _CONVERT[kind](value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(value) if number is not None and abs(number) < _MAX_INT64 else None


def _time(value: Any) -> int | None:
    return parse_ms(value) if isinstance(value, str) else _count(value)


def _texts(value: Any) -> list[str | None] | None:
    if not isinstance(value, list | tuple):
        return None
    return [item if isinstance(item, str) else json_text(item) for item in value]


_CONVERT = {
    Kind.NUMBER: _number,
    Kind.COUNT: _count,
    Kind.FLAG: lambda value: value if isinstance(value, bool) else None,
    Kind.TIME: _time,
    Kind.TEXTS: _texts,
    Kind.JSON: json_text,
}
