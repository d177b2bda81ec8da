"""What all tables share: one `MetaData` with a naming convention, and column types for both dialects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def big_integer_key() -> TypeEngine[int]:
    """Type of a generated key: 64 bits; SQLite only autoincrements columns of type INTEGER."""
    return BigInteger().with_variant(Integer(), "sqlite")


def json_type() -> TypeEngine[Any]:
    """JSON text on SQLite, JSONB on PostgreSQL. None is SQL's NULL, not the JSON value null."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
