"""The `native` backend as a job: prompt optimization in the worker."""

from __future__ import annotations

from typing import Any

from whetstone.jobs.jobfile import JobFile
from whetstone.jobs.native_options import native_options, native_spec
from whetstone.optimize.native import run
from whetstone.optimize.reporter import Reporter


async def run_job(order: JobFile, reporter: Reporter) -> dict[str, Any]:
    """Optimize a prompt on the order's dataset; the result says whether it was promoted, and the evidence."""
    options = native_options(order.options)
    spec = native_spec(options, order.id, order.job_dir, order.dataset_id, order.dataset_dir)
    result = await run(spec, reporter)
    return {**result, "message": result["explanation"]}
