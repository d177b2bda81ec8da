"""The process that does a job: `python -m whetstone.jobs.worker <job dir>`.

It reads `job.json`, runs the backend, appends what happens to `events.jsonl`, and knows neither the server nor
its database; so it outlives a server, and a server outlives it. SIGTERM with a `cancel` file beside it means
that the user wants the job to end; without one (the machine shuts down) the worker leaves without a final
event, and the server resumes the job later.

Exit status: 0 completed, 1 failed, 2 cancelled, 75 (EX_TEMPFAIL) ended without an outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeAlias

from whetstone import files
from whetstone.errors import InterruptedJobError, UnavailableError, WhetstoneError
from whetstone.jobs.best_so_far import best_so_far, cancelled_sentence
from whetstone.jobs.event import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED, JOB_LOG, JOB_STARTED
from whetstone.jobs.jobfile import JobFile, JobFolder
from whetstone.jobs.memory_guard import allowed_memory, end_children, offer_to_the_kernel, watch_memory
from whetstone.jobs.reporter import PROGRESS_INTERVAL_SECONDS, EventFile, EventReporter
from whetstone.optimize.reporter import Reporter
from whetstone.processes import ProcessIdentity
from whetstone.settings import Settings
from whetstone.storable import clean_json

# Runs the job to its end and returns its result (a JSON object; its "message" is the closing sentence).
# Cancellation reaches it as `asyncio.CancelledError`; a `WhetstoneError` fails the job with its message, but for
# `InterruptedJobError`, which ends this attempt only.
BackendFunction: TypeAlias = Callable[[JobFile, Reporter], Awaitable[dict[str, Any]]]

COMPLETED, FAILED, CANCELLED, WITHOUT_OUTCOME = 0, 1, 2, 75

STOP_SECONDS = 0.8
"""How long a backend may take to end when it is cancelled."""
CANCEL_LOOK_SECONDS = 1.5


def main() -> int:
    """Run the job in the folder that the command line names."""
    folder = JobFolder(Path(sys.argv[1]).absolute())
    try:
        with _exclusive(folder.lock):
            _sign(folder)
            order = JobFile.read(folder.path)
            with EventReporter(EventFile(folder.events), order.id) as reporter:
                return asyncio.run(_work(order, folder, reporter))
    except UnavailableError as error:
        sys.stderr.write(f"{error.message}\n")
        return WITHOUT_OUTCOME


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    lock = files.take_lock(path)
    if lock is None:
        raise UnavailableError("Another worker is at work on this job")
    try:
        yield
    finally:
        os.close(lock)


def _sign(folder: JobFolder) -> None:
    identity = ProcessIdentity.of(os.getpid())
    if identity is not None:
        files.write_json(folder.worker, identity.to_dict())


async def _work(order: JobFile, folder: JobFolder, reporter: EventReporter) -> int:
    flushing = asyncio.ensure_future(_flush_forever(reporter))
    try:
        return await _run_backend(order, folder, reporter)
    except asyncio.CancelledError:
        return _leave(folder, reporter)
    except Exception as error:  # the boundary of the process: whatever a backend raises fails its job only
        traceback.print_exc()
        if folder.cancel.exists():  # its helpers got the signal first
            return _leave(folder, reporter)
        if isinstance(error, InterruptedJobError):
            reporter.log(error.message)
            return WITHOUT_OUTCOME
        reporter.event(JOB_FAILED, failure_sentence(error))
        return FAILED
    finally:
        flushing.cancel()


async def _run_backend(order: JobFile, folder: JobFolder, reporter: EventReporter) -> int:
    if order.attempt == 1:
        reporter.event(JOB_STARTED, f"Job started on dataset {order.dataset_id}", datasetId=order.dataset_id)
    else:
        reporter.event(JOB_LOG, f"Attempt {order.attempt} of {order.max_attempts} started")
    if folder.cancel.exists():  # on a cluster it may have waited for its turn longer than it was wanted
        _leave(folder, reporter)
    if order.trains_weights:
        _be_considerate(reporter)
    backend = _load(order.entry)  # takes its time; until it is over, SIGTERM ends the process on the spot
    _listen(folder, reporter)
    result = clean_json(await backend(order, reporter))
    files.write_json(folder.result, result)
    message = result.get("message")
    reporter.event(JOB_COMPLETED, message if isinstance(message, str) else "Job completed")
    return COMPLETED


def _be_considerate(reporter: EventReporter) -> None:
    """Let others go first, and end the job where it takes too much memory."""
    settings = Settings()
    if (missing := settings.train_niceness - os.nice(0)) > 0:
        os.nice(missing)
    offer_to_the_kernel()

    def end(reason: str) -> None:
        try:
            reporter.event(JOB_FAILED, reason)
        finally:  # also when the disk is full
            end_children()
            _exit(FAILED)

    watch_memory(allowed_memory(settings), end)


def _listen(folder: JobFolder, reporter: EventReporter) -> None:
    """From now on SIGTERM cancels the running task; one that does not end soon is left where it is."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            return
        stopping.set()
        late = threading.Timer(STOP_SECONDS, _leave, (folder, reporter))
        late.daemon = True
        late.start()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the job is over
            loop.call_soon_threadsafe(task.cancel)  # type: ignore[union-attr]  # a coroutine runs in a task

    # Not the loop's own handlers: they would wait for a backend that holds up the loop.
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_watch_for_cancel, args=(folder,), daemon=True).start()


def _watch_for_cancel(folder: JobFolder) -> None:
    """Give this process the signal that the server cannot, when a cluster between the two is out of reach."""
    while not folder.cancel.exists():
        time.sleep(CANCEL_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(folder: JobFolder, reporter: EventReporter) -> NoReturn:
    """Say the last word and end the process at once, whatever its threads are doing.

    What they write is safe against being cut off: the journal ends in a torn line at worst, files are replaced whole.
    """
    code = WITHOUT_OUTCOME
    if folder.cancel.exists():
        best = best_so_far(folder)
        reporter.event(JOB_CANCELLED, cancelled_sentence(best))
        code = CANCELLED
    _exit(code)


def _exit(code: int) -> NoReturn:
    """End the process, whatever its threads are doing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _load(entry: str) -> BackendFunction:
    module, _, name = entry.partition(":")
    function: BackendFunction = getattr(importlib.import_module(module), name)
    return function


async def _flush_forever(reporter: EventReporter) -> None:
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_SECONDS)
        reporter.flush_due()


def failure_sentence(error: Exception) -> str:
    """Why a job failed, in a sentence; the traceback is in output.log."""
    if isinstance(error, WhetstoneError):
        return error.message
    return (
        f"The job failed with an unexpected {type(error).__name__}; output.log in its folder has the details"
    )


if __name__ == "__main__":
    sys.exit(main())
