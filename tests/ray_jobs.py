"""A job service whose workers may be on a Ray cluster."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import orjson
from sqlalchemy import update

from jobs_bench import Bench
from whetstone.db import Database
from whetstone.jobs.tables import jobs
from whetstone.settings import Settings


class RayBench(Bench):
    """A bench that ends no local processes, as it has none."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(database, settings.model_copy(update={"ray_python": sys.executable}))

    async def close(self) -> None:
        for job in await self.service.list():
            if job["status"] in ("pending", "running"):
                await self.service.cancel(job["id"])
        await self.service.stop()
        await self.datasets.close()

    async def reopen(self, **changes: Any) -> None:
        """Restart the service with other settings."""
        self.settings = self.settings.model_copy(update=changes)
        await self.restart()

    async def forget_worker(self, job_id: str) -> None:
        """Restart the service, which finds nothing written down about the job's worker."""
        await self.service.stop()
        async with self.database.write() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(process=None))
        await self.restart()

    async def submission_status(self, job_id: str) -> str:
        """What Ray says of the job's newest submission."""
        assert self.settings.ray_token is not None
        submission = orjson.loads((self.folder(job_id) / "ray.json").read_bytes())["submissionId"]
        headers = {"Authorization": f"Bearer {self.settings.ray_token.get_secret_value()}"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.settings.ray_address}/api/jobs/{submission}", headers=headers)
        status: str = answer.json()["status"]
        return status
