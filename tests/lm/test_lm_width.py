"""One width per endpoint: shared fairly by processes that share nothing but a folder, and found out under 429."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pytest

from lm_tools import ask, peer_client, peer_settings, wait_until
from openai_peer import Call, OpenAIPeer, Reply
from whetstone.files import take_lock
from whetstone.lm.board import Board
from whetstone.lm.client import LMClient
from whetstone.lm.retry import RetryPolicy
from whetstone.lm.shares import Report
from whetstone.settings import Settings

_LATENCY = 0.05

# Asks questions that begin with its name, so many in all, all at once, until it is killed or done.
_JOB = """
import asyncio, sys
from whetstone.lm.client import LMClient
from whetstone.lm.types import ChatRequest
from whetstone.settings import Settings

async def main(state, base_url, width, name, count):
    settings = Settings(_env_file=None, state_dir=state, lm_provider="openai", lm_model="peer-model",
                        lm_base_url=base_url, lm_concurrency=int(width), lm_cache=False)
    async with LMClient.from_settings(settings) as client:
        print("ready", flush=True)
        await asyncio.gather(*(
            client.complete(ChatRequest(messages=({"role": "user", "content": f"{name} {number}"},)))
            for number in range(int(count))
        ))

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def job(
    settings: Settings, peer: OpenAIPeer, name: str, count: int, width: int = 8
) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(settings.state_dir), peer.base_url, str(width), name, str(count)]
    with subprocess.Popen(
        [sys.executable, "-c", _JOB, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def calls_of(peer: OpenAIPeer, name: str) -> list[Call]:
    return [call for call in list(peer.calls) if call.messages[-1]["content"].startswith(f"{name} ")]


def usual_width(peer: OpenAIPeer, name: str) -> float:
    """How many calls of a job the peer had in flight of late."""
    starts = [call.at for call in calls_of(peer, name)]
    until = time.monotonic() - 0.05
    moments = [until - 0.01 * step for step in range(30)]
    return median(sum(at <= moment < at + _LATENCY for at in starts) for moment in moments)


async def test_processes_share_one_width_fairly(settings: Settings, openai_peer: OpenAIPeer) -> None:
    async with peer_client(settings, openai_peer, lm_concurrency=8) as idle:
        await idle.complete(ask("one question, then silence: who waits for nothing takes nothing"))
        openai_peer.latency = _LATENCY
        with ExitStack() as stack:
            first = stack.enter_context(job(settings, openai_peer, "first", 10_000))
            await wait_until(lambda: len(calls_of(openai_peer, "first")) > 60, 20)
            # A lone job gets it all, two get about half each, and whoever is left gets it all again.
            await wait_until(lambda: usual_width(openai_peer, "first") >= 7, 20)
            stack.enter_context(job(settings, openai_peer, "second", 10_000))
            await wait_until(
                lambda: all(3 <= usual_width(openai_peer, name) <= 5 for name in ("first", "second")), 20
            )
            first.send_signal(signal.SIGKILL)
            await wait_until(lambda: usual_width(openai_peer, "second") >= 7, 20)
    assert openai_peer.max_in_flight == 8


@pytest.mark.slow
async def test_more_jobs_than_calls_all_have_their_turn(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.02
    names = ("a", "b", "c")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(job(settings, openai_peer, name, 10_000, width=2))
        await wait_until(lambda: all(calls_of(openai_peer, name) for name in names), 30)
    assert openai_peer.max_in_flight <= 2


async def test_clients_of_one_process_share_one_width(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 0.02
    async with (
        peer_client(settings, openai_peer, lm_concurrency=3) as task,
        peer_client(settings, openai_peer, lm_concurrency=3, lm_model="judge") as judge,
    ):
        await asyncio.gather(*(client.complete(ask(f"{n}")) for n in range(15) for client in (task, judge)))
    assert openai_peer.max_in_flight == 3


async def test_other_endpoints_and_folders_have_their_own(settings: Settings, tmp_path: Path) -> None:
    with OpenAIPeer(latency=0.1) as one, OpenAIPeer(latency=0.1) as two:
        elsewhere = settings.model_copy(update={"state_dir": tmp_path / "elsewhere"})
        async with (
            peer_client(settings, one, lm_concurrency=1) as here,
            peer_client(settings, two, lm_concurrency=1) as there,
            peer_client(elsewhere, one, lm_concurrency=1) as other,
        ):
            await asyncio.gather(*(client.complete(ask("hi")) for client in (here, there, other)))
        assert (one.max_in_flight, two.max_in_flight) == (2, 1)


async def test_the_width_settles_near_what_the_endpoint_takes(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.02
    openai_peer.limit = 4
    patient = RetryPolicy(max_retries=5, base=0.05)
    settings = peer_settings(settings, openai_peer, lm_concurrency=16)
    async with LMClient.from_settings(settings, retry=patient) as client:
        answers = await asyncio.gather(*(client.complete(ask(f"{number}")) for number in range(240)))
    assert [answer.text for answer in answers] == [f"{number}" for number in range(240)]
    assert openai_peer.limited < 80


async def test_the_width_comes_back_when_the_endpoint_recovers(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.02
    openai_peer.script(*[Reply(status=503)] * 10)
    async with peer_client(settings, openai_peer, lm_concurrency=8) as client:
        await asyncio.gather(*(client.complete(ask(f"{number}")) for number in range(150)))
        openai_peer.max_in_flight = 0
        await asyncio.gather(*(client.complete(ask(f"again {number}")) for number in range(50)))
    assert openai_peer.max_in_flight == 8


async def test_retry_after_holds_other_processes_back(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = _LATENCY
    async with peer_client(settings, openai_peer) as client:
        with job(settings, openai_peer, "busy", 10_000):
            await wait_until(lambda: len(calls_of(openai_peer, "busy")) > 20, 20)
            openai_peer.script(Reply(status=429, headers={"Retry-After": "1.2"}))
            await wait_until(lambda: not openai_peer._scripted)
            refused = time.monotonic()
            await asyncio.sleep(0.5)  # the other process looks at least this often
            await client.complete(ask("mine"))
            assert time.monotonic() - refused >= 1.1


async def test_waiting_for_a_place_can_be_cancelled(settings: Settings, openai_peer: OpenAIPeer) -> None:
    openai_peer.latency = 30
    async with peer_client(settings, openai_peer, lm_concurrency=1) as client:
        first = asyncio.create_task(client.complete(ask("first")))
        await wait_until(lambda: openai_peer.in_flight)
        second = asyncio.create_task(client.complete(ask("second")))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        openai_peer.latency = 0
        assert (await client.complete(ask("third"))).text == "third"


async def test_a_busy_table_blocks_neither_the_loop_nor_the_calls(
    settings: Settings, openai_peer: OpenAIPeer
) -> None:
    async with peer_client(settings, openai_peer, lm_concurrency=2) as client:
        await client.complete(ask("hi"))
        [lock] = settings.state_dir.glob("lm-endpoints/*/lock")
        holder = None
        while holder is None:
            holder = take_lock(lock)
        lags, answered = [], 0
        until = time.monotonic() + 0.6
        while (now := time.monotonic()) < until:
            await client.complete(ask(f"{answered}"))
            answered += 1
            lags.append(time.monotonic() - now)
        os.close(holder)
    assert answered > 2
    assert median(lags) < 0.3


@pytest.mark.parametrize("damage", ["garbage", "folder is a file", "folder vanishes"])
async def test_no_fault_of_the_folder_stops_a_call(
    settings: Settings, openai_peer: OpenAIPeer, damage: str
) -> None:
    folder = settings.state_dir / "lm-endpoints"
    if damage == "folder is a file":
        settings.state_dir.mkdir(parents=True)
        folder.touch()
    async with peer_client(settings, openai_peer, lm_concurrency=2) as client:
        await client.complete(ask("hi"))
        if damage == "garbage":
            [table] = folder.glob("*/table.json")
            table.write_bytes(b'{"leases": 3')
        if damage == "folder vanishes":
            for path in folder.glob("*/*"):
                path.unlink()
        openai_peer.latency = 0.02
        await asyncio.gather(*(client.complete(ask(f"{number}")) for number in range(20)))
    assert openai_peer.max_in_flight == 2


async def test_nothing_stays_behind(settings: Settings, openai_peer: OpenAIPeer) -> None:
    async with peer_client(settings, openai_peer) as client:
        await client.complete(ask("hi"))
        assert list(settings.state_dir.glob("lm-endpoints/*/*.lease"))
    assert not list(settings.state_dir.glob("lm-endpoints/*/*.lease"))


def test_the_leases_of_the_dead_are_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from whetstone.lm.board import Board; "
        "from whetstone.lm.shares import Report; board = Board(Path(sys.argv[1])); "
        "print(board.exchange(Report(8, 8, 0)).limit, flush=True); os.kill(os.getpid(), 9)"
    )
    dead = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False
    )
    assert dead.stdout == "8\n"
    board = Board(tmp_path)
    allotment = board.exchange(Report(8, 8, 0))
    assert allotment is not None
    assert allotment.limit == 8
    assert len(list(tmp_path.glob("*.lease"))) == 1
    board.leave()
