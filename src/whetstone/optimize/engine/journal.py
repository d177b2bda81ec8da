"""The memory of an optimization: an append-only JSONL file in the job's folder.

Every step that spent something or decided something is one line, written and fsynced before the run goes on. A
run that starts on an existing journal gets the recorded result of each step instead of doing it again, so that
(together with derived randomness and the LM cache, which serves the calls of the one interrupted step) a killed
run that is resumed ends exactly as an uninterrupted one. Nothing is pickled: a journal is data, never code.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from whetstone.errors import ConflictError, WhetstoneError

JOURNAL_NAME = "journal.jsonl"
_HEADER = "header"


class JournalDamagedError(WhetstoneError):
    """A line in the middle of the journal cannot be read; only the last one may be torn by a crash."""


class Journal:
    """Recorded steps of one run, by name. Use as an async context manager.

    `header` says what the run is (dataset, seed, options); a journal of another run is refused with
    `ConflictError` rather than mixed. One task records at a time.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._header = _plain(dict(header))
        self._steps: dict[str, Any] = {}
        self._elapsed_before = 0.0
        self._started = time.monotonic()
        self._descriptor = -1
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        if _HEADER not in self._steps:
            await self.record(_HEADER, "header", self._header)
        elif self._steps[_HEADER] != self._header:
            self._close()
            raise ConflictError(
                f"{self.path.name} belongs to a run with another dataset, seed or other options; "
                "start a new job instead of changing one that has begun"
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})  # a cancelled task leaves its last line whole
        self._close()

    def elapsed_seconds(self) -> float:
        """Seconds of work in this run, those before an interruption included."""
        return self._elapsed_before + time.monotonic() - self._started

    @property
    def resumed(self) -> bool:
        """Whether earlier work was found."""
        return len(self._steps) > 1

    def recorded(self, step: str) -> Any | None:
        """What was recorded under `step`, or None."""
        return self._steps.get(step)

    async def record(self, step: str, kind: str, data: Any) -> Any:
        """Append one step, durably, and give back its data as a resumed run would read it."""
        if step in self._steps:
            raise ValueError(f"step {step} is already in the journal")
        line = orjson.dumps(
            {
                "seq": len(self._steps),
                "step": step,
                "kind": kind,
                "elapsedSeconds": round(self.elapsed_seconds(), 3),
                "data": data,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        self._steps[step] = orjson.loads(line)["data"]
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._append, line))
        await asyncio.shield(self._writing)
        return self._steps[step]

    async def step(self, step: str, kind: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """The recorded result of `step`, or else that of doing `work` now and recording it."""
        if step in self._steps:
            return self._steps[step]
        return await self.record(step, kind, await work())

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._descriptor, len(whole))
            os.fsync(self._descriptor)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = orjson.loads(line)
                self._steps[entry["step"]] = entry["data"]
                self._elapsed_before = float(entry["elapsedSeconds"])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                self._close()
                raise JournalDamagedError(
                    f"line {number} of {self.path.name} cannot be read; remove the job's folder and start it again"
                ) from None
        self._started = time.monotonic()

    def _append(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
