"""Server processes that are measured: started, awaited, weighed, ended."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how long it took until it answered."""

    url: str
    process: psutil.Process
    ready_seconds: float

    def memory(self) -> int:
        """Resident bytes of the server and its children together."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family if member.is_running())

    def cpu_seconds(self) -> float:
        """Processor seconds of the server and its living children."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family if member.is_running())


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str],
    url: str,
    health: str,
    environment: Mapping[str, str],
    log: Path,
    patience: float = 300,
) -> Iterator[Server]:
    """Run `command` until the block ends; ready when `url + health` answers with a status below 500."""
    started = time.perf_counter()
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, env=os.environ | dict(environment), stdout=output, stderr=output, start_new_session=True
        )
    try:
        while not _answers(url + health):
            if child.poll() is not None or time.perf_counter() - started > patience:
                raise RuntimeError(f"{command[0]} did not start; see {log}")
            time.sleep(0.02)
        yield Server(url, psutil.Process(child.pid), time.perf_counter() - started)
    finally:
        _end(child)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    child.terminate()
    _gone, alive = psutil.wait_procs(family, timeout=15)
    for member in alive:
        member.kill()
    child.wait()
