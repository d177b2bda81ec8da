"""Back-pressure over HTTP: what cannot wait is refused in plain words, and what was acknowledged is stored."""

from __future__ import annotations

import asyncio

import httpx

from api_server import running
from whetstone.settings import Settings


async def test_overload_is_answered_with_429_and_loses_nothing(settings: Settings) -> None:
    with running(settings.model_copy(update={"ingest_queue_calls": 3})) as server:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:

            async def send(number: int) -> httpx.Response:
                calls = [{"callId": f"c-{index}"} for index in range(2)]
                return await client.post(f"/api/trajectories/t-{number}/llm-calls", json=calls)

            # More calls at once than may wait; a few rounds, for the writer may be quick.
            answers: list[httpx.Response] = []
            while len(answers) < 2_000 and all(answer.status_code == 201 for answer in answers):
                start = len(answers)
                answers += await asyncio.gather(*(send(start + number) for number in range(80)))
            refused = [answer for answer in answers if answer.status_code != 201]
            assert refused
            for answer in refused:
                assert answer.status_code == 429
                assert answer.headers["Retry-After"] == "1"
                assert answer.json()["error"].endswith("send the request again.")
            accepted = {f"t-{number}" for number, each in enumerate(answers) if each.status_code == 201}
            assert accepted
            stats = (await client.get("/api/trajectories/stats")).json()
            assert stats["totalTrajectories"] == len(accepted)
            assert stats["totalLlmCalls"] == 2 * len(accepted)
            for number in range(len(answers)):
                found = await client.get(f"/api/trajectories/t-{number}")
                assert (found.status_code == 200) == (f"t-{number}" in accepted)
