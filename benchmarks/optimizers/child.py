"""The protocol between the benchmark and an engine's process; needs nothing but the standard library.

The process reads one JSON job a line and answers each with one line of JSON. What it prints otherwise goes to stderr.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.optimizers.meter import Meter
from benchmarks.optimizers.real.task import RealModels, RealTask
from benchmarks.optimizers.tasks import Messages, Models, Pace, Task
from benchmarks.optimizers.worlds.office import World
from benchmarks.optimizers.worlds.voices import out_of_form


@dataclass(frozen=True, slots=True)
class Job:
    """One run: a landscape under a seed, a budget of metric calls, and the pace of the models.

    Or a real task: its file, and the endpoint of the model. `shown`: most demonstrations of a few-shot set (16 is the default of
    dspy's random search); `http` (ours alone): ask over the loopback interface;
    `gate` (ours alone): let the gate decide on the held-out rows.
    """

    landscape: str
    seed: int
    budget: int
    latency: float = 0.0
    width: int = 16
    rough: bool = False
    shown: int = 16
    real_task: str = ""
    endpoint: str = ""
    http: bool = False
    gate: bool = False

    @property
    def pace(self) -> Pace:
        """The pace of the models."""
        return Pace(self.latency, self.width, self.rough)


@dataclass(frozen=True, slots=True)
class Found:
    """What an engine found, as a function from a row's text to the messages that the task model gets; also for the seed.

    `counts` and `seconds` are of another process, where the models were, and of the search alone.
    """

    best: Callable[[str], Messages]
    seed: Callable[[str], Messages]
    notes: dict[str, Any]
    counts: dict[str, Any] | None = None
    seconds: float | None = None


Engine = Callable[[Task, Models, Job], Found]


def run(engine: Engine, job: Job) -> dict[str, Any]:
    """One job: the search under the meter, then the held-out rows, which the search never sees."""
    return _run_real(engine, job) if job.real_task else _run_scripted(engine, job)


def _run_scripted(engine: Engine, job: Job) -> dict[str, Any]:
    world = World(job.landscape, job.seed)
    meter = Meter(world, job.pace)
    cpu, wall = time.process_time(), time.perf_counter()
    found = engine(world, meter, job)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    counts = meter.counts() if found.counts is None else found.counts
    return {
        "landscape": job.landscape,
        "seed": job.seed,
        "budget": job.budget,
        "score": _held_out(world, Meter(world), found.best),
        "start": _held_out(world, Meter(world), found.seed),
        "wall": wall if found.seconds is None else found.seconds,
        "cpu_per_call": max(0.0, cpu - meter.model_cpu()) / max(1, counts["calls"]),
        **counts,
        **found.notes,
    }


def _run_real(engine: Engine, job: Job) -> dict[str, Any]:
    task = RealTask(Path(job.real_task))
    models = RealModels(job.endpoint, job.width)
    found = engine(task, models, job)
    calls = models.calls
    before, after = (_held_out(task, models, render) for render in (found.seed, found.best))
    return {
        "start": before,
        "score": after,
        "calls": calls,
        "budget": job.budget,
        "rows": len(task.test),
        **found.notes,
    }


def serve(engine: Engine) -> None:
    """Answer the jobs on standard input. A first one with scripted models is done once before, so that what is loaded on
    first use is nobody's time."""
    output, sys.stdout = sys.stdout, sys.stderr
    warm = False
    for line in sys.stdin:
        try:
            job = Job(**json.loads(line))
            if not warm and not job.real_task:
                run(engine, Job(job.landscape, job.seed, job.budget // 2))
            warm = True
            answer = run(engine, job)
        except Exception:
            answer = {"error": traceback.format_exc()[-3000:]}
        output.write(json.dumps(answer) + "\n")
        output.flush()


def _held_out(task: Task, models: Models, render: Callable[[str], Messages]) -> float:
    replies = [out_of_form(models.answer(render(row.text))) for row in task.test]
    scores = [task.judge(row, reply).score for row, reply in zip(task.test, replies, strict=True)]
    return sum(scores) / len(scores)
