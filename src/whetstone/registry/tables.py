"""Table of the trained models."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, String, Table
from sqlalchemy.sql import expression

from whetstone.db import big_integer_key, json_type, metadata

models = Table(
    "models",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("job_id", String, nullable=False),
    Column("dataset_id", String),
    Column("backend", String, nullable=False),
    Column("source_model", String, nullable=False),
    Column("output_dir", String, nullable=False),
    Column("model_path", String),
    Column("adapter_path", String),
    Column("ollama_model", String),
    Column("active", Boolean, nullable=False, server_default=expression.false()),
    # {"status", "lastRunAt", "output"}; null: never run.
    Column("benchmark", json_type()),
    # The rest of the job's result: losses, proof, files, licence…
    Column("details", json_type(), nullable=False),
)
