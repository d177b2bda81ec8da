"""Nothing is paid for twice: within a client, across clients and processes, after SIGKILL; no cache fault is fatal."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lm_tools import ask, peer_client, wait_until
from openai_peer import OpenAIPeer, Reply
from whetstone.lm.cache import AnswerCache
from whetstone.lm.errors import LMRequestError
from whetstone.lm.types import ChatResponse, Usage
from whetstone.settings import Settings

_ANSWER = ChatResponse("ü\0", ({"id": "1"},), Usage(3, 4), None, "m", 17)

# Asks the questions named on the command line, telling each one's end on standard output.
_JOB = """
import asyncio, sys
from whetstone.lm.client import LMClient
from whetstone.lm.types import ChatRequest
from whetstone.settings import Settings

async def main(state, base_url, *questions):
    settings = Settings(_env_file=None, state_dir=state, lm_provider="openai", lm_model="peer-model",
                        lm_base_url=base_url, lm_concurrency=1)
    async with LMClient.from_settings(settings) as client:
        for question in questions:
            await client.complete(ChatRequest(messages=({"role": "user", "content": question},)))
            print(question, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def job(settings: Settings, peer: OpenAIPeer, *questions: str) -> subprocess.Popen[str]:
    arguments = [str(settings.state_dir), peer.base_url, *questions]
    return subprocess.Popen([sys.executable, "-c", _JOB, *arguments], stdout=subprocess.PIPE, text=True)


async def test_answers_outlive_the_client(settings: Settings, openai_peer: OpenAIPeer) -> None:
    async with peer_client(settings, openai_peer) as client:
        first = await client.complete(ask("hi", max_tokens=9))
    async with peer_client(settings, openai_peer) as client:
        second = await client.complete(ask("hi", max_tokens=9))
    assert second.cached
    assert (second.text, second.usage, second.latency_ms) == (first.text, first.usage, first.latency_ms)
    assert len(openai_peer.calls) == 1
    assert client.usage.calls == 0


async def test_other_requests_are_other_entries(settings: Settings, openai_peer: OpenAIPeer) -> None:
    variants = [ask("hi"), ask("hi", repeat=1), ask("hi", temperature=1.0), ask("hi "), ask("hi", seed=1)]
    async with peer_client(settings, openai_peer) as client:
        for request in variants * 2:
            await client.complete(request)
    async with peer_client(settings, openai_peer, lm_model="other") as client:
        await client.complete(ask("hi"))
    assert len(openai_peer.calls) == len(variants) + 1


async def test_without_a_cache_every_request_is_sent(settings: Settings, openai_peer: OpenAIPeer) -> None:
    async with peer_client(settings, openai_peer, lm_cache=False) as client:
        await asyncio.gather(*(client.complete(ask("hi")) for _ in range(3)))
    assert len(openai_peer.calls) == 3
    assert not (settings.state_dir / "lm-cache.db").exists()


async def test_a_job_killed_in_mid_run_pays_nothing_twice(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.01
    questions = [f"question {number}" for number in range(40)]
    victim = job(settings, openai_peer, *questions)
    assert victim.stdout is not None
    answered = [await asyncio.to_thread(victim.stdout.readline) for _ in range(10)]
    victim.send_signal(signal.SIGKILL)
    answered += victim.stdout.readlines()
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    assert 10 <= len(answered) < 40
    before = len(openai_peer.calls)
    async with peer_client(settings, openai_peer) as client:
        for question in questions:
            await client.complete(ask(question))
    assert client.usage.cache_hits >= len(answered)
    assert len(openai_peer.calls) - before == 40 - client.usage.cache_hits


async def test_processes_share_one_cache(settings: Settings, openai_peer: OpenAIPeer) -> None:
    jobs = [job(settings, openai_peer, *(f"{each}-{n}" for n in range(20))) for each in range(3)]
    for process in jobs:
        output, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
        assert len(output.splitlines()) == 20
    async with peer_client(settings, openai_peer) as client:
        for each in range(3):
            for number in range(20):
                await client.complete(ask(f"{each}-{number}"))
    assert len(openai_peer.calls) == 60


async def test_identical_requests_at_once_are_one_call(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.05
    async with peer_client(settings, openai_peer) as client:
        answers = await asyncio.gather(*(client.complete(ask("hi")) for _ in range(20)))
    assert len(openai_peer.calls) == 1
    assert sum(not answer.cached for answer in answers) == 1
    assert (client.usage.calls, client.usage.cache_hits) == (1, 19)


async def test_a_shared_failure_reaches_all_who_wait(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.script(Reply(status=400, latency=0.05))
    async with peer_client(settings, openai_peer) as client:
        results = await asyncio.gather(
            *(client.complete(ask("hi")) for _ in range(5)), return_exceptions=True
        )
    assert all(isinstance(result, LMRequestError) for result in results)
    assert len(openai_peer.calls) == 1


async def test_one_waiter_may_leave_a_shared_call(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.2
    async with peer_client(settings, openai_peer) as client:
        starter = asyncio.create_task(client.complete(ask("hi")))
        follower = asyncio.create_task(client.complete(ask("hi")))
        await wait_until(lambda: openai_peer.in_flight)
        starter.cancel()
        assert (await follower).text == "hi"
        assert starter.cancelled()
    assert len(openai_peer.calls) == 1
    assert openai_peer.aborted == 0


async def test_what_is_paid_is_kept_when_the_caller_is_cancelled_at_any_moment(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    async with peer_client(settings, openai_peer) as client:
        await client.complete(ask("warm up"))
        for step in range(40):
            task = asyncio.create_task(client.complete(ask(f"{step}")))
            await asyncio.sleep(step / 2_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        paid = client.usage.calls
    async with peer_client(settings, openai_peer) as second:
        for step in range(40):
            await second.complete(ask(f"{step}"))
    assert second.usage.cache_hits == paid - 1


async def test_a_cancel_does_not_lose_an_answer_that_waits_to_be_written(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    async with peer_client(settings, openai_peer) as client:
        await client.complete(ask("warm up"))
        other = sqlite3.connect(settings.state_dir / "lm-cache.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        openai_peer.latency = 0.1
        tasks = [asyncio.create_task(client.complete(ask(text))) for text in ("first", "second")]
        await wait_until(lambda: client.usage.calls == 3)  # one write waits for the lock, one behind it
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        other.execute("ROLLBACK")
        other.close()
    async with peer_client(settings, openai_peer) as client:
        assert (await client.complete(ask("first"))).cached
        assert (await client.complete(ask("second"))).cached
    assert client.usage.calls == 0


async def test_a_corrupt_cache_is_survived(settings: Settings, openai_peer: OpenAIPeer) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / "lm-cache.db").write_bytes(b"this is no database " * 500)
    async with peer_client(settings, openai_peer) as client:
        for _ in range(2):
            assert (await client.complete(ask("hi"))).text == "hi"
    assert len(openai_peer.calls) == 2


async def test_a_locked_cache_is_survived_and_does_not_block_the_loop(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - started)

    async with peer_client(settings, openai_peer) as client:
        await client.complete(ask("known"))
        other = sqlite3.connect(settings.state_dir / "lm-cache.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        ticker = asyncio.create_task(tick())
        assert (await client.complete(ask("known"))).cached  # readers do not wait for the writer
        started = time.monotonic()
        assert not (await client.complete(ask("new"))).cached
        assert time.monotonic() - started > 1  # it did wait for the lock, elsewhere
        ticker.cancel()
        other.execute("ROLLBACK")
        other.close()
        await client.complete(ask("new"))
        assert (await client.complete(ask("new"))).cached
    assert max(gaps) < 1


async def test_a_state_folder_that_cannot_be_written_is_survived(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    settings.state_dir.write_text("a file where the folder should be")
    async with peer_client(settings, openai_peer) as client:
        assert (await client.complete(ask("hi"))).text == "hi"


async def test_every_field_survives_the_disk(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.db")
    await cache.put("key", _ANSWER)
    stored = await cache.get("key")
    assert stored is not None
    assert stored.cached
    assert ChatResponse(**{**vars(stored), "cached": False}) == _ANSWER
    assert await cache.get("other") is None
    await cache.close()


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b'{"text":"x","toolCalls":3}'])
async def test_an_unreadable_entry_is_a_miss(tmp_path: Path, content: bytes) -> None:
    cache = AnswerCache(tmp_path / "cache.db")
    await cache.put("key", _ANSWER)
    with sqlite3.connect(tmp_path / "cache.db") as other:
        other.execute("UPDATE answers SET response = ?", (content,))
    other.close()
    assert await cache.get("key") is None
    await cache.put("key", _ANSWER)
    assert await cache.get("key") is not None
    await cache.close()


async def test_no_prompt_is_written_to_the_cache(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.answer = lambda _: "fine"
    async with peer_client(settings, openai_peer) as client:
        await client.complete(ask("a very private question"))
    files = list(settings.state_dir.glob("lm-cache.db*"))
    assert files
    assert not any(b"private" in file.read_bytes() for file in files)
