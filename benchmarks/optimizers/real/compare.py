"""Few-shot optimizers on real tasks with the embedded model: ours beside dspy's random search."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.optimizers.child import Job
from benchmarks.optimizers.engines import ENGINES
from benchmarks.optimizers.real import datasets
from benchmarks.optimizers.real.proxy import Proxy

_COMPARED = ("bootstrap-fewshot", "dspy-few-shot")
_BUDGET = 64
_SHOWN = 4
_WIDTH = 2


def run(engines: Sequence[str], cache: Path, data: Path, tasks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Score before and after on held-out rows, for each task whose data is there."""
    results = []
    with _serving(cache) as url:
        for name in tasks or datasets.names():
            task = datasets.load(name, cache, data)
            if task is None:
                print(f"{name}: left out, its data is not in {data}", flush=True)
                continue
            file = cache / f"task-{name}.json"
            file.write_text(json.dumps(task), encoding="utf-8")
            job = Job(name, 0, _BUDGET, width=_WIDTH, shown=_SHOWN, real_task=str(file), endpoint=url)
            for key in (each for each in _COMPARED if each in engines):
                try:
                    [answer] = ENGINES[key].run([job], cache)
                except RuntimeError as problem:
                    print(problem, flush=True)
                    continue
                results.append({"task": name, "engine": key, **answer})
                print(f"{name:12} {key:20} {answer['start']:.3f} → {answer['score']:.3f}", flush=True)
    return results


@contextmanager
def _serving(cache: Path) -> Iterator[str]:
    """The address of a proxy in a thread of its own."""
    proxy = Proxy(cache)
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve()), daemon=True)
    thread.start()
    try:
        yield proxy.address()
    finally:
        proxy.stop()
        thread.join()
