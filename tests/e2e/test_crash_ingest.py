"""The service is killed while agents write: what it acknowledged is there, and everything derived agrees with it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from live_service import LiveService, wait_for
from whetstone.settings import Settings

KILLS = 50
WRITERS = 8
TRAJECTORIES = 40
SOURCES = ("chat", "discord")


class Agents:
    """Writers that remember what was acknowledged: trajectory -> ids of its calls."""

    def __init__(self, seed: int) -> None:
        self.acknowledged: dict[str, set[str]] = {}
        self._random = random.Random(seed)
        self._number = 0

    async def write_until_killed(self, service: LiveService, seconds: float) -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=5) as http:
            writers = [asyncio.create_task(self._write(http)) for _ in range(WRITERS)]
            await asyncio.sleep(seconds)
            await asyncio.to_thread(service.kill)
            await asyncio.gather(*writers)

    async def _write(self, http: httpx.AsyncClient) -> None:
        while True:
            self._number += 1
            name = f"t-{self._random.randrange(TRAJECTORIES)}"
            calls = [f"c-{self._number}-{place}" for place in range(self._random.choice((1, 1, 1, 20)))]
            body = {
                "id": name,
                "source": SOURCES[len(name) % 2],
                "steps": [{"stepId": "s", "llmCalls": [_call(call) for call in calls]}],
            }
            try:
                answer = await http.post("/api/trajectories", json=body)
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                self.acknowledged.setdefault(name, set()).update(calls)
            else:
                assert answer.status_code == 429, answer.text


def _call(identifier: str) -> dict[str, object]:
    return {
        "callId": identifier,
        "model": f"model-{len(identifier) % 3}",
        "systemPrompt": "You help customers.",
        "userPrompt": f"word{identifier.replace('-', 'x')} asks for a refund",
        "response": "Done.",
        "promptTokens": 10,
        "completionTokens": 5,
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_at_fifty_random_moments(settings: Settings) -> None:
    agents = Agents(seed=9)
    service = LiveService(settings)
    moments = random.Random(4)
    for _ in range(KILLS):
        service.start()
        asyncio.run(agents.write_until_killed(service, moments.uniform(0.05, 0.6)))
    with service:
        _check_acknowledged(service, agents.acknowledged)
        _check_derived(service)
    path = settings.state_dir / "whetstone.db"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert sum(map(len, agents.acknowledged.values())) > 10 * KILLS


def _check_acknowledged(service: LiveService, acknowledged: dict[str, set[str]]) -> None:
    for name, calls in acknowledged.items():
        answer = httpx.get(f"{service.url}/api/trajectories/{name}").json()
        assert calls <= {call["callId"] for call in answer["llmCalls"]}


def _check_derived(service: LiveService) -> None:
    """Rollups, counters and the search index against the rows themselves."""
    with httpx.Client(base_url=service.url, timeout=30) as http:
        details = [http.get(f"/api/trajectories/{record['id']}").json() for record in _all(http)]
        calls = [call for detail in details for call in detail["llmCalls"]]
        for detail in details:
            assert detail["trajectory"]["llmCallCount"] == len(detail["llmCalls"])
        stats = http.get("/api/trajectories/stats").json()
        assert stats["totalTrajectories"] == len(details)
        assert stats["totalLlmCalls"] == len(calls)
        assert stats["totalPromptTokens"] == 10 * len(calls)
        assert stats["bySource"] == Counter(detail["trajectory"]["source"] for detail in details)
        assert stats["byModel"] == Counter(call["model"] for call in calls)
        wait_for(
            lambda: http.get("/api/trajectories/storage").json()["search"]["pending"] == 0,
            seconds=60,
            what="the index catching up",
        )
        for call in calls[:: max(1, len(calls) // 100)]:
            needle = f"word{call['callId'].replace('-', 'x')} asks"
            found = http.get("/api/trajectories", params={"search": needle}).json()
            assert [each["id"] for each in found["trajectories"]] == [call["trajectoryId"]], needle
        everything = http.get("/api/trajectories", params={"search": "asks for a refund"}).json()
        assert everything["total"] == len(details)


def _all(http: httpx.Client) -> Iterator[dict[str, str]]:
    cursor: str | None = None
    while True:
        page = http.get("/api/trajectories", params={"cursor": cursor} if cursor else {}).json()
        yield from page["trajectories"]
        cursor = page["nextCursor"]
        if cursor is None:
            return
