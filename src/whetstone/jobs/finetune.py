"""The backends `cpu`, `cuda` and `mlx` as a job: weight training in the worker."""

from __future__ import annotations

from typing import Any

from whetstone.finetune.run import run
from whetstone.jobs.finetune_backend import finetune_spec
from whetstone.jobs.jobfile import JobFile
from whetstone.optimize.reporter import Reporter
from whetstone.settings import Settings


async def run_job(order: JobFile, reporter: Reporter) -> dict[str, Any]:
    """Train an adapter on the order's dataset; the result names the model and holds the evidence."""
    spec = finetune_spec(order.options, order.id, order.job_dir, order.dataset_id, order.dataset_dir)
    return await run(spec, reporter, Settings())
