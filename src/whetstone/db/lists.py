"""Lists of any length in a statement, at the cost of one parameter: both engines limit how many one may have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    Text,
    any_,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql

from whetstone.db.engine import Dialect
from whetstone.storable import clean_text


def text_set(dialect: Dialect, values: Collection[str]) -> Select[tuple[str]]:
    """A subquery of texts, made storable."""
    array = [clean_text(value) for value in values]
    if dialect == "sqlite":
        items = func.json_each(orjson.dumps(array).decode()).table_valued(column("value", String))
    else:
        items = func.jsonb_array_elements_text(cast(array, postgresql.JSONB)).table_valued(
            column("value", Text)
        )
    return select(items.c.value)


def key_set(dialect: Dialect, keys: Sequence[int]) -> Select[tuple[int]]:
    """A subquery of keys."""
    if dialect == "sqlite":
        array = func.json_each(orjson.dumps(keys).decode()).table_valued(column("value", Integer))
        return select(array.c.value)
    integers = postgresql.ARRAY(BigInteger)
    return select(func.unnest(cast(literal(list(keys), integers), integers)))


def among(dialect: Dialect, key: Column[int], keys: Sequence[int]) -> ColumnElement[bool]:
    """Whether `key` is one of a few hundred `keys`: a condition that the planners take as such a list, not a set."""
    if dialect == "postgresql":
        return key == any_(literal(list(keys), ARRAY(BigInteger)))
    return key.in_(keys)
