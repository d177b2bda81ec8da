"""A backend for tests: a real worker that does what the job's options tell it, step by step.

Steps: `["log", text]`, `["progress", fraction, phase]`, `["sleep", seconds]`, `["fail", text]`, `["bug"]`,
`["wait_for", path]` (until the file exists), `["die", n]` (SIGKILL itself if this is at most attempt n),
`["stubborn_child"]` (start a process in the group that ignores SIGTERM), `["freeze"]` (block the event loop),
`["deaf"]` (the same, and ignore SIGTERM), `["tear"]` (half a line, then SIGKILL, in attempt 1), `["figures", {…}]`
(progress with figures), `["allocate", mebibytes, "here" | "child"]` (hold memory for a minute, or a child does),
`["write", name, text]` (a file in the job's folder). The option `result` goes into the result.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.jobs.jobfile import JobFile
from whetstone.optimize.reporter import Reporter

_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


def options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The script from a request."""
    return {key: body[key] for key in ("script", "result") if key in body}


async def run(order: JobFile, reporter: Reporter) -> dict[str, Any]:
    """Play the script."""
    for step in order.options["script"]:
        await _play(step, order, reporter)
    return {
        "message": "All steps done",
        "attempt": order.attempt,
        "environment": dict(os.environ),
        "niceness": os.nice(0),
        **order.options.get("result", {}),
    }


def _hold(mebibytes: int, where: str) -> None:
    program = f"held = bytes(range(256)) * (4096 * {mebibytes}); import time; time.sleep(60)"
    if where == "child":
        subprocess.run([sys.executable, "-c", program], check=True)
    else:
        held = bytes(range(256)) * (4096 * mebibytes)
        time.sleep(60)
        del held


async def _play(step: list[Any], order: JobFile, reporter: Reporter) -> None:
    match step:
        case ["log", text]:
            reporter.log(text)
        case ["progress", fraction, phase]:
            reporter.progress(fraction, phase, f"{phase} {fraction}")
        case ["sleep", seconds]:
            await asyncio.sleep(seconds)
        case ["fail", text]:
            raise InvalidInputError(text)
        case ["bug"]:
            raise ZeroDivisionError("secret detail")
        case ["wait_for", path]:
            while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 (another process makes it)
                await asyncio.sleep(0.02)
        case ["die", attempts] if order.attempt <= attempts:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["stubborn_child"]:
            child = subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE)  # noqa: ASYNC220
            assert child.stdout is not None
            child.stdout.readline()
            reporter.log(f"child {child.pid}")
        case ["freeze" | "deaf" as how]:
            if how == "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            reporter.log(f"frozen {os.getpid()}")
            time.sleep(600)  # noqa: ASYNC251 (that is the point)
        case ["figures", figures]:
            reporter.progress(0.5, "training", "training", **figures)
        case ["allocate", mebibytes, where]:
            await asyncio.to_thread(_hold, mebibytes, where)
        case ["write", name, text]:
            path = order.job_dir / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        case ["tear"] if order.attempt == 1:
            with (order.job_dir / "events.jsonl").open("ab") as file:
                file.write(b'{"kind":"job_log","ts":1,"mess')
            os.kill(os.getpid(), signal.SIGKILL)
