"""What the Ray launcher makes of a cluster that answers, one that answers oddly, and one that does not."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from ray_peer import TOKEN, RayPeer, ray_peer
from whetstone.errors import UnavailableError
from whetstone.jobs.jobfile import JobFile, JobFolder
from whetstone.jobs.launchers import ray, ray_api
from whetstone.jobs.launchers.base import Exit
from whetstone.jobs.launchers.ray import RayLauncher, RayWorker, entrypoint
from whetstone.settings import Settings


@pytest.fixture
async def peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RayPeer]:
    for name in ("LOOK_SECONDS", "ENDING_LOOK_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(ray, name, 0.0)
    monkeypatch.setattr(ray_api, "ANSWER_SECONDS", 10.0)  # this machine may be busy
    async with ray_peer() as peer:
        yield peer


@pytest.fixture
def launcher(peer: RayPeer, settings: Settings) -> RayLauncher:
    changes = {
        "ray_address": peer.address + "/",
        "ray_token": SecretStr(TOKEN),
        "hub_token": SecretStr("hub token"),
        "lm_api_key": SecretStr("model key"),
        "privacy_deny_list": ["a customer's name"],
        "hub_home": Path("/home/somebody/.cache"),
        "lm_model": "some-model",
    }
    return RayLauncher(settings.model_copy(update=changes))


def order(tmp_path: Path, attempt: int = 1, backend: str = "native", **options: Any) -> Path:
    """A job's folder with the order in it."""
    folder = tmp_path / "a folder"
    JobFile("job-1", attempt, 3, backend, "x:y", options, "dataset-1", tmp_path, folder).write()
    return folder


async def test_submission_says_what_the_job_needs(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, settings: Settings
) -> None:
    folder = order(tmp_path, backend="cuda", processes=2, resources={"cpus": 8, "memoryGb": 1.5})
    worker = await launcher.launch(folder, {"EXTRA": "1", "LD_PRELOAD": "/here/only.so"})
    [sent] = peer.orders
    assert sent["submission_id"] == worker.identity["submissionId"]
    assert sent["submission_id"].startswith("whetstone-job-1-1-")
    assert (sent["entrypoint_num_cpus"], sent["entrypoint_num_gpus"]) == (8, 2)
    assert sent["entrypoint_memory"] == 3 * 2**29
    variables = sent["runtime_env"]["env_vars"]
    assert variables["ELIZA_STATE_DIR"] == str(settings.state_dir)
    assert variables["EXTRA"] == "1"
    assert variables["WHETSTONE_TRAIN_THREADS"] == "8"
    assert "some-model" in variables.values()
    assert not {"PATH", "HOME", "VIRTUAL_ENV", "HF_HOME", "LD_PRELOAD"} & set(variables)
    text = orjson.dumps(sent).decode()
    assert not [word for word in (TOKEN, "hub token", "model key", "a customer") if word in text]
    assert await worker.poll() is None


async def test_small_job_takes_one_cpu(launcher: RayLauncher, peer: RayPeer, tmp_path: Path) -> None:
    await launcher.launch(order(tmp_path), {})
    [sent] = peer.orders
    assert (sent["entrypoint_num_cpus"], sent["entrypoint_num_gpus"]) == (1, 0)
    assert "entrypoint_memory" not in sent


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"status": "SUCCEEDED", "driver_exit_code": 0}, Exit(code=0)),
        ({"status": "FAILED", "driver_exit_code": 1}, Exit(code=1)),
        ({"status": "FAILED", "driver_exit_code": -9}, Exit(signal="SIGKILL")),
        ({"status": "FAILED", "driver_exit_code": 127}, "WHETSTONE_RAY_PYTHON"),
        ({"status": "FAILED", "driver_exit_code": 78}, "storage"),
        ({"status": "FAILED", "error_type": "JOB_SUPERVISOR_ACTOR_DIED"}, "lost"),
        ({"status": "FAILED", "error_type": "something new"}, "could not run"),
        ({"status": "STOPPED"}, "stopped in Ray"),
    ],
)
async def test_end_of_a_submission(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, details: dict[str, Any], expected: Exit | str
) -> None:
    worker = await launcher.launch(order(tmp_path), {})
    peer.only.update(status="RUNNING")
    assert await worker.poll() is None
    peer.only.update(details)
    ended = await worker.poll()
    assert ended is not None
    assert ended == expected if isinstance(expected, Exit) else expected in (ended.reason or "")
    peer.submissions.clear()
    assert await worker.poll() == ended


async def test_message_of_a_worker_that_never_began_is_in_its_log(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path
) -> None:
    folder = order(tmp_path)
    worker = await launcher.launch(folder, {})
    peer.only.update(status="FAILED", message="\x1b[36mno such conda\x1b[0m environment")
    assert await worker.poll() is not None
    assert JobFolder(folder).output.read_text() == "no such conda environment\n"


async def test_cluster_without_its_memory_ends_the_worker(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path
) -> None:
    worker = await launcher.launch(order(tmp_path), {})
    peer.submissions.clear()
    ended = await worker.poll()
    assert ended is not None
    assert "restart of its head" in (ended.reason or "")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        ("500 Oh", b"Traceback", ""),
        ("503 No", b"", ""),
        ("429 Slow", b"", ""),
        ("401 Who", b"", ""),
        ("302 There", b"", "Location: http://127.0.0.1:1/\r\n"),
        ("200 OK", b"<html>a proxy</html>", ""),
        ("200 OK", b'{"status": "EXPLODED"}', ""),
        ("200 OK", b"[]", ""),
        ("200 OK", b"\xff\xfe", ""),
        ("200 OK", b" " * (5 * 2**20), ""),
    ],
)
async def test_odd_answer_is_no_end(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, status: str, body: bytes, headers: str
) -> None:
    worker = await launcher.launch(order(tmp_path), {})
    peer.answer_oddly(status, body, headers=headers)
    assert await worker.poll() is None
    await worker.terminate()
    peer.recover()
    peer.only.update(status="SUCCEEDED", driver_exit_code=0)
    assert await worker.poll() == Exit(code=0)


async def test_silent_cluster_is_no_end_but_lets_a_killed_worker_go(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "SILENT_KILL_SECONDS", 0.5)
    monkeypatch.setattr(ray_api, "ANSWER_SECONDS", 0.3)
    folder = order(tmp_path)
    worker = await launcher.launch(folder, {})
    peer.hangs = True
    assert await worker.poll() is None
    assert not JobFolder(folder).cancel.exists()
    await worker.kill()
    deadline = time.monotonic() + 5
    while (ended := await worker.poll()) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert ended.reason
    assert JobFolder(folder).cancel.exists()  # which the worker sees, if it lives


async def test_killed_worker_in_the_queue_has_ended(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path
) -> None:
    folder = order(tmp_path)
    worker = await launcher.launch(folder, {})
    assert await worker.poll() is None
    await worker.kill()
    assert await worker.poll() == Exit()
    assert peer.stopped == [worker.identity["submissionId"]]
    assert not (folder / "ray.json").exists()
    await worker.kill()
    assert len(peer.stopped) == 1


@pytest.mark.parametrize(
    ("status", "word"), [("401 No", "WHETSTONE_RAY_TOKEN"), ("400 Bad", "HTTP 400"), ("307 Go", "HTTP 307")]
)
async def test_refused_first_submission_says_why(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, status: str, word: str
) -> None:
    peer.answer_oddly(status, b"no")
    with pytest.raises(UnavailableError, match=word):
        await launcher.launch(order(tmp_path), {})


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "ftp://head", "head:8265", "http://[", ""])
async def test_address_that_leads_nowhere_is_said_at_once(
    settings: Settings, tmp_path: Path, address: str
) -> None:
    launcher = RayLauncher(settings.model_copy(update={"ray_address": address}))
    with pytest.raises(UnavailableError, match="WHETSTONE_RAY_ADDRESS"):
        await launcher.launch(order(tmp_path), {})


@pytest.mark.parametrize(("attempt", "status"), [(1, "503 Starting"), (2, "503 Starting"), (2, "404 Proxy")])
async def test_cluster_that_starts_is_waited_for(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, attempt: int, status: str
) -> None:
    peer.answer_oddly(status, method="POST")
    worker = await launcher.launch(order(tmp_path, attempt=attempt), {})
    assert await worker.poll() is None
    assert not peer.submissions
    peer.recover()
    assert await worker.poll() is None
    assert list(peer.submissions) == [worker.identity["submissionId"]]


async def test_later_attempt_waits_for_a_cluster_that_is_gone(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_api, "SUBMIT_SECONDS", 0.2)
    peer.hangs = True
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await launcher.launch(order(tmp_path), {})
    worker = await launcher.launch(order(tmp_path, attempt=2), {})
    peer.recover()
    assert await worker.poll() is None
    assert list(peer.submissions) == [worker.identity["submissionId"]]


async def test_later_attempt_does_not_wait_for_ever(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "RESUBMIT_SECONDS", 0.0)
    peer.answer_oddly("503 Starting")
    worker = await launcher.launch(order(tmp_path, attempt=2), {})
    ended = await worker.poll()
    assert ended is not None
    assert "HTTP 503" in (ended.reason or "")


async def test_submission_that_arrived_without_an_answer_is_not_made_twice(
    launcher: RayLauncher, peer: RayPeer, tmp_path: Path
) -> None:
    folder = order(tmp_path, attempt=2)
    peer.answer_oddly("504 Late", method="POST")
    worker = await launcher.launch(folder, {})
    peer.submissions[worker.identity["submissionId"]] = {"status": "RUNNING"}
    peer.recover()
    assert await worker.poll() is None
    assert not peer.orders


async def test_submission_is_found_again(launcher: RayLauncher, peer: RayPeer, tmp_path: Path) -> None:
    folder = order(tmp_path)
    assert launcher.attach(folder, None) is None
    worker = await launcher.launch(folder, {})
    noted = orjson.loads(orjson.dumps(dict(worker.identity)))
    assert noted == {**noted, "launcher": "ray", "address": peer.address}
    for identity in (noted, None):
        found = launcher.attach(folder, identity)
        assert found is not None
        assert found.identity == worker.identity
        assert await found.poll() is None
    peer.only.update(status="SUCCEEDED", driver_exit_code=0)
    found = launcher.attach(folder, noted)
    assert isinstance(found, RayWorker)
    assert await found.poll() == Exit(code=0)


def test_credentials_in_the_address_are_not_shown(settings: Settings, tmp_path: Path) -> None:
    launcher = RayLauncher(settings.model_copy(update={"ray_address": "https://me:secret@head:8265/ray/"}))
    worker = launcher.attach(tmp_path, {"submissionId": "x"})
    assert worker is not None
    assert worker.identity["address"] == "https://head:8265/ray"


def run(command: str) -> int:
    return subprocess.run(["/bin/sh", "-c", command], check=False, timeout=20).returncode


def test_command_runs_only_where_it_is_wanted(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "it's a folder")
    assert run(entrypoint("true", folder.path, "whetstone-1")) == 78
    folder.path.mkdir()
    assert run(entrypoint("true", folder.path, "whetstone-1")) == 76
    (folder.path / "ray.json").write_bytes(b'{"submissionId": "whetstone-2"}')
    assert run(entrypoint("true", folder.path, "whetstone-1")) == 76
    assert run(entrypoint("true", folder.path, "whetstone-2")) == 0
    assert run(entrypoint("/no where/python", folder.path, "whetstone-2")) == 127
    assert "/no where/python" in folder.output.read_text()
    assert run(entrypoint("echo", folder.path, "whetstone-2")) == 0
    assert f"-m whetstone.jobs.worker {folder.path}" in folder.output.read_text()
