"""All SQL on the models table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import now_ms
from whetstone.db import Database
from whetstone.errors import ConflictError, NotFoundError
from whetstone.registry.records import model_record
from whetstone.registry.tables import models

_EMBEDDED = "embedded"
# Of a job's result, what has a column or is not about the model.
_NOT_DETAILS = frozenset(
    {"modelId", "modelPath", "adapterPath", "outputDir", "sourceModel", "backend", "message"}
)


class ModelStore:
    """The models that jobs of this service have made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    async def add(connection: AsyncConnection, job: Mapping[str, Any]) -> None:
        """Note the model of a completed job, in the transaction that completes it (a `jobs.outcome.ModelHook`).

        `job` is the row of the job, whose `result` tells of the model. Raises `ConflictError` when there is a model of
        that id.
        """
        result = job["result"]
        if await connection.scalar(select(models.c.key).where(models.c.id == job["model_id"])) is not None:
            raise ConflictError(f"There is already a model {job['model_id']}")
        folder = result.get("outputDir") or job["model_path"] or job["adapter_path"]
        await connection.execute(
            insert(models).values(
                id=job["model_id"],
                created_at=now_ms(),
                job_id=job["id"],
                dataset_id=job["dataset_id"],
                backend=job["backend"],
                source_model=result.get("sourceModel") or _EMBEDDED,
                output_dir=folder or "",
                model_path=job["model_path"],
                adapter_path=job["adapter_path"],
                details={key: value for key, value in result.items() if key not in _NOT_DETAILS},
            )
        )

    async def list(self) -> list[dict[str, Any]]:
        """All records, newest first."""
        async with self._database.read() as connection:
            found = await connection.execute(select(models).order_by(models.c.key.desc()))
            rows = [dict(row) for row in found.mappings()]
        return await asyncio.to_thread(_records, rows)

    async def get(self, model_id: str) -> dict[str, Any]:
        """One record; `NotFoundError` when there is none."""
        if "\x00" not in model_id:
            async with self._database.read() as connection:
                query = select(models).where(models.c.id == model_id)
                row = (await connection.execute(query)).mappings().one_or_none()
            if row is not None:
                return (await asyncio.to_thread(_records, [dict(row)]))[0]
        raise NotFoundError(f"Model {model_id} not found")

    async def count(self) -> int:
        """How many models there are."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(models)) or 0


def _records(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [model_record(row, available=Path(row["output_dir"]).is_dir()) for row in rows]
