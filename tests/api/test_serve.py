"""`whetstone serve` at the keyboard: what it says when it starts, and when it cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from live_service import LiveService
from whetstone.errors import UnavailableError
from whetstone.serve import serve
from whetstone.settings import Settings


def refusal(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> str:
    """Why a service with `settings` does not start."""
    monkeypatch.setattr("whetstone.serve.configure_logging", lambda _: None)  # the process is pytest's
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
