"""Naming processes for ever, and what a worker may see of its parent's environment."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from whetstone.files import write_json
from whetstone.jobs.jobfile import JobFolder
from whetstone.jobs.launchers.base import Exit
from whetstone.jobs.launchers.environment import worker_environment
from whetstone.jobs.launchers.local import LocalLauncher, LocalWorker
from whetstone.processes import ProcessIdentity
from whetstone.settings import Settings


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads its own group."""
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    ) as child:
        yield child
        child.kill()


def _identity(pid: int) -> ProcessIdentity:
    identity = ProcessIdentity.of(pid)
    assert identity is not None
    return identity


def test_identity_survives_being_written_down(child: subprocess.Popen[bytes]) -> None:
    identity = _identity(child.pid)
    assert ProcessIdentity.parse(identity.to_dict()) == identity
    assert identity.is_alive()


def test_identity_of_a_zombie_is_known_but_not_alive(child: subprocess.Popen[bytes]) -> None:
    identity = _identity(child.pid)
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity.exists()
    assert not identity.is_alive()


@pytest.mark.parametrize("value", [{}, {"pid": "1"}, {"pid": 1, "startTime": None, "bootId": "x"}])
def test_anything_else_is_no_identity(value: dict[str, object]) -> None:
    assert ProcessIdentity.parse(value) is None


@pytest.mark.parametrize("change", [{"start_time": 1.0}, {"boot_id": "another boot"}])
async def test_process_that_got_the_pid_later_is_neither_watched_nor_killed(
    child: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    worker = LocalWorker(dataclasses.replace(_identity(child.pid), **change))  # type: ignore[arg-type]
    assert await worker.poll() == Exit()
    await worker.terminate()
    await worker.kill()
    await asyncio.sleep(0.1)
    assert child.poll() is None


async def test_exit_of_a_child_is_known(child: subprocess.Popen[bytes]) -> None:
    worker = LocalWorker(_identity(child.pid))
    assert await worker.poll() is None
    await worker.kill()
    await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    ended = await worker.poll()
    assert ended == Exit(signal="SIGKILL")
    assert await worker.poll() == ended


async def test_worker_that_only_its_folder_knows_is_found(
    child: subprocess.Popen[bytes], settings: Settings, tmp_path: Path
) -> None:
    launcher = LocalLauncher(settings)
    assert launcher.attach(tmp_path, None) is None
    write_json(JobFolder(tmp_path).worker, _identity(child.pid).to_dict())
    found = launcher.attach(tmp_path, {"pid": 1, "startTime": 0, "bootId": "another"})
    assert found is not None
    assert found.identity["pid"] == child.pid


def test_worker_sees_the_settings_but_not_the_server_s_secrets(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_OTHER_SECRET", "do not pass on")
    monkeypatch.setenv("MILADY_API_TOKEN", "server token")
    settings = settings.model_copy(
        update={
            "api_token": SecretStr("server token"),
            "server_shared_secret": SecretStr("shared"),
            "database_url": "postgresql://user:password@host/name",
            "lm_api_key": SecretStr("model key"),
        }
    )
    environment = worker_environment(settings)
    assert environment["ELIZA_STATE_DIR"] == str(settings.state_dir)
    assert environment["PATH"] == os.environ["PATH"]
    assert "model key" in environment.values()
    assert not {"server token", "shared", "do not pass on"} & set(environment.values())
    assert "DATABASE_URL" not in environment
