"""The database: engine, transactions, dialect differences and migrations. Knows no room's tables."""

from whetstone.db.engine import Database
from whetstone.db.schema import big_integer_key, json_type, metadata
from whetstone.db.trouble import trouble

__all__ = ["Database", "big_integer_key", "json_type", "metadata", "trouble"]
