"""Fifty writers and twenty readers for five minutes: `python -m benchmarks.store.endurance`.

Reports what was written and read, every status that was answered, the server's memory over time, and whether the
counts agree with what was acknowledged. Exits with 1 when they do not, or on any status but 2xx and 429.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
from benchmarks.store.processes import Server
from benchmarks.store.traffic import Traffic, Trajectory, rest_call, rest_document, words
from benchmarks.store.whetstone_store import await_index, whetstone

_MEMORY_SECONDS = 15


class Endurance:
    """The state of one run."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.server = server
        self.ends = time.monotonic() + seconds
        self.statuses: Counter[int] = Counter()
        self.reads = 0
        self.trajectories = 0
        self.calls = 0
        self.prompt_tokens = 0
        self.slowest = 0.0
        self.memory: list[int] = []
        self._traffic = Traffic().trajectories(10**9)
        self._vocabulary = words()

    async def run(self, writers: int, readers: int) -> None:
        """Write and read until the time is over."""
        limits = httpx.Limits(max_connections=writers + readers)
        async with (
            httpx.AsyncClient(base_url=self.server.url, timeout=60, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(writers):
                group.create_task(self._write(http, whole=number % 2 == 0))
            for number in range(readers):
                group.create_task(self._read(http, number))
            group.create_task(self._watch())

    async def _write(self, http: httpx.AsyncClient, *, whole: bool) -> None:
        while time.monotonic() < self.ends:
            trajectory = next(self._traffic)
            if whole:
                await self._post(http, "/api/trajectories", rest_document(trajectory))
            else:
                await self._write_stepwise(http, trajectory)
            self.trajectories += 1
            self.calls += len(trajectory.calls)
            self.prompt_tokens += sum(call.prompt_tokens for call in trajectory.calls)

    async def _write_stepwise(self, http: httpx.AsyncClient, trajectory: Trajectory) -> None:
        path = f"/api/trajectories/{trajectory.id}"
        for call in trajectory.calls:
            await self._post(http, f"{path}/llm-calls", rest_call(call))
        await self._post(http, f"{path}/end", {"status": trajectory.status})

    async def _post(self, http: httpx.AsyncClient, path: str, body: object) -> None:
        while True:
            started = time.monotonic()
            answer = await http.post(path, json=body)
            self.statuses[answer.status_code] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            if answer.status_code != 429:
                return
            await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def _read(self, http: httpx.AsyncClient, number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < self.ends:
            word = self._vocabulary[chance.randrange(3_000)]
            queries: list[tuple[str, dict[str, str]]] = [
                ("/api/trajectories", {}),
                ("/api/trajectories", {"search": word, "searchMode": "query"}),
                ("/api/trajectories", {"source": "chat", "sort": "tokens"}),
                ("/api/trajectories/stats", {}),
            ]
            path, parameters = chance.choice(queries)
            answer = await http.get(path, params=parameters)
            self.statuses[answer.status_code] += 1
            self.reads += 1
            await asyncio.sleep(0.05)

    async def _watch(self) -> None:
        while time.monotonic() < self.ends:
            await asyncio.sleep(_MEMORY_SECONDS)
            self.memory.append(psutil.Process(self.server.process.pid).memory_info().rss)

    def agree(self) -> bool:
        """Whether statistics and list say what was acknowledged, once the index has caught up."""
        await_index(self.server)
        with httpx.Client(base_url=self.server.url, timeout=60) as http:
            stats = http.get("/api/trajectories/stats").json()
            total = http.get("/api/trajectories").json()["total"]
        counted = (stats["totalTrajectories"], total, stats["totalLlmCalls"], stats["totalPromptTokens"])
        expected = (self.trajectories, self.trajectories, self.calls, self.prompt_tokens)
        print(f"counted {counted}, acknowledged {expected}")
        return counted == expected and all(status < 300 or status == 429 for status in self.statuses)


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--database-url", help="PostgreSQL instead of SQLite")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="whetstone-endurance-") as folder,
        whetstone(Path(folder), options.database_url) as server,
    ):
        run = Endurance(server, options.seconds)
        asyncio.run(run.run(options.writers, options.readers))
        print(
            f"{run.calls:,} calls in {run.trajectories:,} trajectories, {run.reads:,} reads; statuses {dict(run.statuses)}"
        )
        print(
            f"slowest write {run.slowest:.2f} s; server memory MB {[size // 1_000_000 for size in run.memory]}"
        )
        sys.exit(0 if run.agree() else 1)


if __name__ == "__main__":
    main()
