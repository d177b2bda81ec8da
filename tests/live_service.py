"""A real service for end-to-end tests: `whetstone serve` in its own process, which tests may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from whetstone.client import WhetstoneClient
from whetstone.sample.service import free_port
from whetstone.settings import Settings


class LiveService:
    """`whetstone serve` with the given settings on a free port; the same object can be started again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"port": free_port()})
        self.url = f"http://127.0.0.1:{self.settings.port}"
        self.log = self.settings.state_dir / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "whetstone", "serve"],
                env=self.settings.child_environment(),
                cwd=self.settings.state_dir,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=1).is_success:
                    return self
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text("utf-8", "replace"))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self) -> WhetstoneClient:
        return WhetstoneClient(self.url)

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL); its jobs live on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask the server to end (SIGTERM)."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_for(condition: Any, *, seconds: float, what: str) -> Any:
    """The first truthy value of `condition()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def job_folder(settings: Settings, job_id: str) -> Path:
    return settings.training_dir / "jobs" / job_id
