"""Starts the worker process, talks to it, and starts it again when it has died."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any, Final

import structlog

from whetstone.errors import UnavailableError
from whetstone.privacy.names.entity import Found
from whetstone.privacy.names.models import INSTALL_HINT
from whetstone.privacy.names.protocol import receive, send
from whetstone.settings import environment

_log = structlog.get_logger(__name__)

_COMMAND: Final = ("-P", "-m", "whetstone.privacy.names.worker")
_INHERITED: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "SYSTEMROOT",
)
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"}
_ATTEMPTS: Final = 2
_STOP_SECONDS: Final = 5.0
_LAST_BYTES: Final = 2_000
_LAST_LINES: Final = 4
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")


class WorkerProcess:
    """The worker of this process. Thread-safe; one request at a time, since the worker has one core."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._complaints: IO[bytes] | None = None
        """What the worker writes to its standard error."""
        self._last_words = ""

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """What the models find in each text.

        Raises:
            UnavailableError: the worker cannot be started, died twice in a row, or failed on a text.
        """
        # Halves of surrogate pairs cannot be sent; each becomes one character, so that offsets hold.
        message = {"texts": [_SURROGATES.sub("\ufffd", text) for text in texts]}
        with self._lock:
            for _ in range(_ATTEMPTS):
                answer = self._ask(message)
                if answer is not None:
                    return _found(answer)
            last_words = self._last_words
        _log.error("the process that looks for names died", last_words=last_words)
        raise UnavailableError(_obituary(last_words))

    def stop(self) -> None:
        """End the worker. It is started again when it is asked something."""
        with self._lock:
            self._discard()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None when the worker died."""
        if self._process is not None and self._process.poll() is not None:
            self._discard()  # it ended because nobody had asked for a while
        if self._process is None and not self._start():
            return None
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            send(process.stdin, message)
            answer = receive(process.stdout)
        except (OSError, ValueError):
            answer = None
        except BaseException:
            self._discard()  # its answer would be taken for that of the next request
            raise
        if answer is None:
            self._discard()
        return answer

    def _start(self) -> bool:
        """Whether the worker is up. Raises UnavailableError when it cannot be, and why is known."""
        try:
            greeting = self._launch()
        except (OSError, ValueError) as failure:
            self._discard()
            raise UnavailableError(
                f"The process that looks for names cannot be started: {failure}"
            ) from failure
        except BaseException:
            self._discard()  # its greeting would be taken for an answer
            raise
        if greeting is not None and greeting.get("ready"):
            return True
        self._discard()
        if greeting is None:
            return False
        error = str(greeting.get("error"))
        raise UnavailableError(
            error
            if INSTALL_HINT in error
            else f"The models for names cannot be loaded: {error}. {INSTALL_HINT}"
        )

    def _launch(self) -> dict[str, Any] | None:
        """The first message of a new worker; None when it died."""
        command = [sys.executable, *_COMMAND, str(self._idle_seconds)]
        variables = environment(_INHERITED) | _ONE_THREAD | _OFFLINE
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, env=variables
        )
        return receive(self._process.stdout) if self._process.stdout is not None else None

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_SECONDS)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._complaints is not None:
            self._last_words = _last_lines(self._complaints)
            self._complaints.close()
            self._complaints = None


def _found(answer: dict[str, Any]) -> list[list[Found]]:
    """The findings of an answer. A text on which a model failed may hold names, so nothing goes on without it."""
    if (cause := answer.get("failed")) is not None:
        _log.error("a model for names failed on a text", cause=cause)
        msg = f"The models for names failed on a text ({cause}); it was not filtered."
        raise UnavailableError(msg)
    return [[Found(*item) for item in found] for found in answer["found"]]


def _obituary(last_words: str) -> str:
    said = (
        f" It said last: {last_words}"
        if last_words
        else " It may need more memory than is free: about 250 MB."
    )
    return (
        f"The process that looks for names died twice.{said} Mend that, or set WHETSTONE_PRIVACY_NAMES=off to filter "
        "without it."
    )


def _last_lines(stream: IO[bytes]) -> str:
    """The end of what was written, on one line."""
    stream.seek(0, os.SEEK_END)
    stream.seek(max(0, stream.tell() - _LAST_BYTES))
    lines = stream.read().decode("utf-8", "replace").split("\n")
    return " | ".join(line.strip() for line in lines[-_LAST_LINES:] if line.strip())
