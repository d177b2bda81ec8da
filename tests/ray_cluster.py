"""A real Ray cluster of one node, of its own: its folder, ports and token, and nothing left of it afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

_MARK = "WHETSTONE_TEST_CLUSTER"
_START_SECONDS = 90


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Where it listens, and the token that it wants."""

    address: str
    token: str


@contextlib.contextmanager
def ray_cluster(cpus: int = 2, port: int | None = None) -> Iterator[RayCluster]:
    """A running cluster with so many CPUs, whatever the machine has; its workers find the modules of the tests.

    Two clusters on one `port`, one after the other, are a cluster whose head was restarted.
    """
    # Short, as Ray makes sockets deep below it.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    port = port or free_port()
    mark, token = secrets.token_hex(8), hashlib.sha256(str(port).encode()).hexdigest()
    # Its default may be taken: by another cluster, or as the near end of anybody's connection.
    agent = f"--dashboard-agent-listen-port={free_port()}"
    command = [
        *(sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--head", "--block"),
        *("--port=0", f"--dashboard-port={port}", "--dashboard-host=127.0.0.1", "--include-dashboard=true"),
        *("--node-ip-address=127.0.0.1", f"--num-cpus={cpus}", "--num-gpus=0", agent, f"--temp-dir={folder}"),
        *("--disable-usage-stats", "--object-store-memory=100000000"),
    ]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parent),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        _MARK: mark,
    }
    cluster = RayCluster(f"http://127.0.0.1:{port}", token)
    with (folder / "start.log").open("wb") as log:
        head = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        _wait(cluster, head, folder / "start.log")
        yield cluster
    finally:
        _end(head, mark)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(cluster: RayCluster, head: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and head.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            headers = {"Authorization": f"Bearer {cluster.token}"}
            answer = httpx.get(f"{cluster.address}/api/jobs/", headers=headers, timeout=5, trust_env=False)
            if answer.is_success:
                return
        time.sleep(0.3)
    raise AssertionError(log.read_text("utf-8", "replace"))


def _end(head: subprocess.Popen[bytes], mark: str) -> None:
    """End the head, then by their mark those of its processes that are still there."""
    head.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        head.wait(10)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_MARK) == mark:
                process.kill()
    head.wait(10)
