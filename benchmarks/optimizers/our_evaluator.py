"""What our evaluator alone costs: whole validation sets under many prompts, no search around them."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.optimizers import ours
from benchmarks.optimizers.child import Job
from benchmarks.optimizers.meter import Meter
from benchmarks.optimizers.our_clients import clients
from benchmarks.optimizers.worlds.office import World

from whetstone.optimize.engine.journal import JOURNAL_NAME, Journal
from whetstone.optimize.engine.program import Candidate

_PROMPTS = 40


def cpu_per_call() -> float:
    """Processor seconds of one answer with its scoring, journal and ledger included, the scripted model not."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder) / "warm"))
        return asyncio.run(_measure(Path(folder) / "measured"))


async def _measure(folder: Path) -> float:
    world = World("rules", 0)
    meter = Meter(world)
    job = Job("rules", 0, _PROMPTS * len(world.validation))
    async with clients(meter, job, folder) as asked, Journal(folder / JOURNAL_NAME, {}) as journal:
        context = ours.context(world, asked, ours.spec_of("prompt-evolution", job, folder), journal, job)
        started = time.process_time()
        for number in range(_PROMPTS):
            candidate = Candidate(f"{world.seed_prompt}\n- {number}")
            await context.evaluator.evaluate(f"step-{number}", [(candidate, context.validation)])
        spent = time.process_time() - started
    return (spent - meter.model_cpu()) / meter.calls
