"""Starting a Whetstone service of one's own, as a child process, and waiting until it answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from whetstone.settings import Settings

_START_SECONDS = 30
_STOP_SECONDS = 10


class ServiceDidNotStartError(Exception):
    """The child process ended or did not answer; the message holds the end of its log."""


@contextmanager
def running_service(settings: Settings, log_path: Path, *, keep: bool = False) -> Iterator[tuple[str, int]]:
    """Run a service with `settings`; yields its base URL and pid. `keep` leaves it running if the block ends well."""
    url = f"http://127.0.0.1:{settings.port}"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "whetstone", "serve"],
            env=settings.child_environment(),
            cwd=settings.state_dir,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finished = False
    try:
        _wait_until_healthy(process, url, log_path)
        yield url, process.pid
        finished = True
    finally:
        if not (keep and finished):
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A TCP port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log_path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=1, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    log_end = "\n".join(log_path.read_text("utf-8", "replace").splitlines()[-20:])
    raise ServiceDidNotStartError(f"The service did not start. The end of its log:\n{log_end}")
