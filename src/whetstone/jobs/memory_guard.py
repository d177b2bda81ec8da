"""Ends a job that takes too much memory, before it takes the machine with it.

The kernel kills a process without a word, and not always the right one. A thread of the worker watches what the
worker and its children hold, and says why it ends them.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import structlog

from whetstone.machine import GIB, memory_limit
from whetstone.settings import Settings

POLL_SECONDS = 1.0
NEAR_POLL_SECONDS = 0.1
_NEAR = 0.8  # of the limit
_SHARE_OF_THE_MACHINE = 0.9
# Killed before anybody else (0: like all, 1000: always first) where memory runs out all the same.
_KILL_ME_FIRST = 500
_log = structlog.get_logger(__name__)


def allowed_memory(settings: Settings) -> int:
    """Bytes that a training job may hold."""
    return settings.train_memory_bytes or int(memory_limit() * _SHARE_OF_THE_MACHINE)


def offer_to_the_kernel() -> None:
    """Let Linux take this process and its later children first when memory runs out; elsewhere nothing."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_KILL_ME_FIRST))


def watch_memory(limit: int, too_much: Callable[[str], None]) -> None:
    """Call `too_much` once, in a thread, with a sentence when this process and its children hold over `limit` bytes.

    It looks once a second, and more often near the limit.
    """

    def watch() -> None:
        pause = threading.Event()
        told = False
        while True:
            seconds = POLL_SECONDS
            try:
                # Counts shared pages in each process, so it is never too small; the exact figure walks all pages.
                cheap = _total(_resident)
                if cheap > limit and held_memory() > limit:
                    break
                if cheap > limit * _NEAR:
                    seconds = NEAR_POLL_SECONDS
            except (
                Exception
            ):  # whatever it was this time, without a guard the job could take the machine with it
                if not told:
                    _log.exception("the memory guard could not look; it tries again")
                told = True
            pause.wait(seconds)
        too_much(
            f"The job took more than {limit / GIB:.3g} GiB of memory and was ended; use a smaller batchSize or "
            "maxLength, gradientCheckpointing, quantization or a smaller model, or raise WHETSTONE_TRAIN_MEMORY_GB"
        )

    threading.Thread(target=watch, name="memory guard", daemon=True).start()


def end_children() -> None:
    """Kill everything that this process has started."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()


def held_memory() -> int:
    """Bytes that this process and its children hold and the kernel cannot take back: no files, shared pages once."""
    return _total(_proportional)


def _total(measure: Callable[[psutil.Process], int]) -> int:
    this = psutil.Process()
    total = 0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error, OSError):
            total += measure(process)
    return total


def _resident(process: psutil.Process) -> int:
    if sys.platform != "linux":
        return int(process.memory_info().rss)
    return _kibibytes(Path(f"/proc/{process.pid}/status"), "RssAnon:", "RssShmem:")


def _proportional(process: psutil.Process) -> int:
    if sys.platform != "linux":
        return int(process.memory_info().rss)
    return _kibibytes(Path(f"/proc/{process.pid}/smaps_rollup"), "Pss_Anon:", "Pss_Shmem:") or _resident(
        process
    )


def _kibibytes(path: Path, *names: str) -> int:
    """Sum of those lines of a file of /proc, in bytes."""
    lines = path.read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(names))
