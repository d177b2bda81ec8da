"""Tables of the jobs and of the event log that everyone can follow."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text
from sqlalchemy.sql import expression

from whetstone.db import big_integer_key, json_type, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("status", String, nullable=False),  # pending, running, completed, failed, cancelled
    Column("phase", String, nullable=False),
    Column("progress", Float, nullable=False),
    Column("error", Text),
    Column("exit_code", Integer),
    Column("signal", String),
    Column("backend", String, nullable=False),
    Column("dataset_id", String),
    Column("options", json_type(), nullable=False),
    Column("model_id", String),
    Column("model_path", String),
    Column("adapter_path", String),
    Column("result", json_type()),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Boolean, nullable=False, server_default=expression.false()),
    # Who runs it: {"pid", "startTime", "bootId"}; together they name one process for ever.
    Column("process", json_type()),
    # How many bytes of the worker's events.jsonl are in the event log.
    Column("events_offset", BigInteger, nullable=False, server_default="0"),
    Index("ix_jobs_status", "status"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", big_integer_key(), primary_key=True, autoincrement=True),
    Column("ts", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("job_id", String),
    Column("payload", json_type(), nullable=False),
    Index("ix_events_job_id_kind", "job_id", "kind", "sequence"),
    sqlite_autoincrement=True,
)
