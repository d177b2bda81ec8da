"""Table of the datasets; their rows lie in files beside it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from whetstone.db import big_integer_key, json_type, metadata

datasets = Table(
    "datasets",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("status", String, nullable=False),  # building, ready, failed
    Column("error", Text),
    Column("options", json_type(), nullable=False),
    Column("sample_count", Integer, nullable=False),
    Column("trajectory_count", Integer, nullable=False),
    # What the build found: per-task counts, split, exclusions by reason, privacy report, content hash.
    Column("report", json_type(), nullable=False),
)
