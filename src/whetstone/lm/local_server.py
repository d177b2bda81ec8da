"""The embedded model's server process: `python -m whetstone.lm.local_server …`.

It detaches from whoever starts it, so that the end of a job or of the service does not end it for others,
serves the OpenAI chat protocol on a free loopback port, and stops when no user has touched the lease for a
while. Standard output says `ready`, or `busy` when another server of the same state folder lives; end of file
without either means failure, explained in the log.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import structlog

from whetstone.files import take_lock
from whetstone.lm.local_files import ModelOptions, RunFiles, ServerRecord
from whetstone.processes import ProcessIdentity

_log = structlog.get_logger(__name__)
_PROMPT_CACHE_MIB = 256  # the runtime's own default is 8 GiB
_WARNINGS_AND_ERRORS = 1


class _Terminated(Exception):  # noqa: N818 - a request to stop, not a fault
    pass


def main() -> None:
    """Entry point; see `--help`."""
    arguments = _parse()
    files = RunFiles.under(arguments.state_dir)
    # Before the fork: whoever saw this process end finds the lock held by its child, never a gap.
    if take_lock(files.lock) is None:
        os.write(1, b"busy\n")
        return
    if os.fork():
        os._exit(0)
    told = os.dup(1)
    os.dup2(2, 1)  # the runtime's own prints must not mix with what the starter reads
    options = ModelOptions(str(arguments.model), arguments.threads, arguments.parallel, arguments.context)
    _redirect_output(files.log)
    try:
        _serve(files, options, arguments.idle_seconds, told)
    except Exception as error:  # the runtime's own words on it stand above in the log
        _log.error("local_lm_failed", error=f"{type(error).__name__}: {error}")
        os._exit(1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m whetstone.lm.local_server")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=2, help="requests at once")
    parser.add_argument("--context", type=int, default=4096, help="tokens per request")
    parser.add_argument("--idle-seconds", type=float, default=120.0)
    return parser.parse_args()


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _serve(files: RunFiles, options: ModelOptions, idle_seconds: float, told: int) -> NoReturn:
    try:
        signal.signal(signal.SIGTERM, _terminate)
        signal.signal(signal.SIGINT, _terminate)
        server = _load(options)
        port = urlsplit(server.listening_address).port
        identity = ProcessIdentity.of(os.getpid())
        assert identity is not None  # noqa: S101 - this process lives
        record = ServerRecord(identity, port or 0, options)
        record.write(files.record)
        _log.info("local_lm_ready", pid=identity.pid, port=record.port)
        with contextlib.suppress(BrokenPipeError):  # the starter did not wait; others may use the server
            os.write(told, b"ready\n")
        os.close(told)
        reason = _wait_for_end(files, record, idle_seconds)
    except _Terminated:
        reason = "terminated"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mine = ServerRecord.read(files.record)
    if mine is not None and mine.identity.pid == os.getpid():
        files.record.unlink(missing_ok=True)
    _log.info("local_lm_stopped", reason=reason)
    # Not by returning: destroying the runtime's server waits without limit for requests in flight, and there
    # is nothing that could be lost.
    os._exit(0)


def _load(options: ModelOptions) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {Path(options.model).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False  # would show prompts
    params.cors_origins = "http://127.0.0.1"
    params.n_parallel = options.parallel
    params.n_ctx = options.context * options.parallel  # the runtime divides it among the slots
    params.cpuparams.n_threads = options.threads
    params.cache_prompt = True  # shared prefixes are read once
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.verbosity = _WARNINGS_AND_ERRORS
    return xllamacpp.Server(params)


def _wait_for_end(files: RunFiles, record: ServerRecord, idle_seconds: float) -> str:
    """Block until the lease has not changed for `idle_seconds`.

    Only changes of its time are looked at, never its value, and waiting is measured by the monotonic clock:
    setting the wall clock neither stops the server nor keeps it alive.
    """
    seen = _lease_time(files.lease)
    active = time.monotonic()
    while time.monotonic() - active < idle_seconds:
        time.sleep(min(1.0, idle_seconds / 4))
        if ServerRecord.read(files.record) != record:
            return "record gone"  # nobody can find this server any more
        touched = _lease_time(files.lease)
        if touched != seen:
            seen, active = touched, time.monotonic()
    return "idle"


def _lease_time(lease: Path) -> int | None:
    try:
        return lease.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


if __name__ == "__main__":
    main()
