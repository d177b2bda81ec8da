"""`whetstone serve` at the keyboard: what it says when it starts, and when it cannot."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from live_service import LiveService
from whetstone.client import WhetstoneClientError
from whetstone.errors import UnavailableError
from whetstone.serve import serve
from whetstone.settings import Settings


def refusal(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> str:
    """Why a service with `settings` does not start."""
    monkeypatch.setattr("whetstone.serve.configure_logging", lambda _: None)  # the process is pytest's
    monkeypatch.setattr("whetstone.serve.os.umask", lambda _: None)
    with pytest.raises(UnavailableError) as refused:
        serve(settings.model_copy(update={"port": 0}))
    return refused.value.message


def test_first_line_says_where_it_listens(settings: Settings) -> None:
    with LiveService(settings) as service:
        log = service.log.read_text()
    assert f"url={service.url}" in log
    assert f"docs={service.url}/docs" in log
    assert "color_message" not in log


def test_port_in_use_is_one_sentence_before_anything_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = subprocess.run(
            [
                sys.executable,
                "-m",
                "whetstone",
                "serve",
                "--port",
                port,
                "--state-dir",
                str(tmp_path / "state"),
            ],
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert finished.returncode == 1
    [line] = finished.stderr.splitlines()
    assert f"port {port}: Address already in use" in line
    assert "--port" in line
    assert not finished.stdout
    assert not (tmp_path / "state").exists()


def test_address_of_another_machine(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    message = refusal(monkeypatch, settings.model_copy(update={"host": "192.0.2.1"}))
    assert "Cannot listen on 192.0.2.1" in message
    assert "--host" in message


def test_state_folder_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    message = refusal(monkeypatch, settings.model_copy(update={"state_dir": file}))
    assert f"The state folder {file} cannot be used: File exists" in message
    assert "ELIZA_STATE_DIR" in message


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("nonsense", "DATABASE_URL cannot be read"),
        ("postgresql://me:hunter:2@host:port/name", "DATABASE_URL cannot be read"),
        ("mysql://me:hunter2@127.0.0.1/name", "pip install 'whetstone[postgres]'"),
        ("postgresql://me:hunter2@127.0.0.1:9/name", "me:***@127.0.0.1:9/name cannot be used"),
        ("sqlite:////dev/null/name.db", "/dev/null/name.db cannot be used"),
    ],
)
def test_database_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, url: str, part: str
) -> None:
    message = refusal(monkeypatch, settings.model_copy(update={"database_url": url}))
    assert part in message
    assert "hunter" not in message


def test_second_service_on_a_state_folder_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LiveService(settings) as first:
        assert "Another service uses the state folder" in refusal(monkeypatch, settings)
        first.kill()  # also a crash gives the folder free
        with LiveService(settings) as second, second.client() as client:
            assert client.status()["runtimeAvailable"]


def test_files_are_for_their_owner_only(settings: Settings) -> None:
    with LiveService(settings):
        database = settings.state_dir / "whetstone.db"
        assert database.stat().st_mode & 0o077 == 0


def test_full_disk_is_told_and_passes(settings: Settings) -> None:
    """A limit on the size of files stands for the full disk."""
    with LiveService(settings) as service, service.client() as client:
        client.record(_large("t-1"))
        unlimited = resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        with pytest.raises(WhetstoneClientError, match="storage cannot be used now") as refused:
            client.record([_large(f"t-{number}") for number in range(2, 12)])
        assert refused.value.status == 503
        assert client.trajectories()["total"] == 1
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, unlimited)
        client.record([_large(f"t-{number}") for number in range(2, 12)])
        assert client.trajectories()["total"] == 11


def _large(identifier: str) -> dict[str, Any]:
    call = {"callId": "c", "userPrompt": "long " * 20_000, "response": "r"}
    return {"id": identifier, "agentId": "a", "steps": [{"stepId": "s", "llmCalls": [call]}]}
