"""Downloads hold exactly what the filters of the list mean, and say so when they could not be finished."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update

from api_server import RunningServer, trajectory
from export_files import table
from whetstone.trajectories.tables import llm_calls, trajectories

PATH = "/api/trajectories/export"
LATE = 1_770_000_000_000


def _batch() -> list[dict[str, Any]]:
    first = trajectory("t-1", scenarioId="s-1", traceId="trace-1", tags=["gold"], isTrainingData=True)
    second = trajectory("t-2", batchId="b-1", startTime=LATE, endTime=LATE + 1000, totalReward=0.25)
    third = trajectory("t-3", source="api", status="error", runId="run-1", totalReward=None)
    third["steps"][0]["llmCalls"][0] |= {"model": "other", "purpose": "should_respond", "response": "IGNORE"}
    return [first, second, third]


@pytest.fixture
async def stored(client: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await client.post("/api/trajectories", json=_batch())).status_code == 201
    return client


FILTERS: list[tuple[dict[str, Any], set[int]]] = [
    ({}, {1, 2, 3}),
    ({"trajectoryIds": ["t-1"]}, {1}),
    ({"trajectoryIds": ["t-1", "t-1", "nobody"]}, {1}),
    ({"trajectoryIds": []}, set()),
    ({"source": "api"}, {3}),
    ({"status": "completed"}, {1, 2}),
    ({"startDate": "2026-01-01"}, {2}),
    ({"endDate": "2026-01-01"}, {1, 3}),
    ({"search": "ORDER t-2"}, {2}),
    ({"search": '"order t-2"', "searchMode": "query"}, {2}),
    ({"search": '"order t-2"', "searchMode": "text"}, set()),
    ({"scenarioId": "s-1"}, {1}),
    ({"batchId": "b-1"}, {2}),
    ({"isTrainingData": True}, {1}),
    ({"isTrainingData": False}, {2, 3}),
    ({"runId": "run-1"}, {3}),
    ({"traceId": "trace-1"}, {1}),
    ({"task": "should_respond"}, {3}),
    ({"model": "gpt-x"}, {1, 2}),
    ({"minReward": 0.25}, {1, 2}),
    ({"minReward": 0.5}, {1}),
    ({"hasError": True}, {3}),
    ({"hasError": False}, {1, 2}),
    ({"tag": "gold"}, {1}),
    # Of a wrong type, empty or unknown: no filter.
    (
        {"startDate": "nonsense", "scenarioId": 5, "minReward": "much", "source": "", "unknown": True},
        {1, 2, 3},
    ),
]


def _numbers(content: bytes) -> set[int]:
    return {int(document["trajectoryId"].removeprefix("t-")) for document in json.loads(content)}


async def test_every_filter_and_every_pair_of_them(stored: httpx.AsyncClient) -> None:
    for (one, first), (other, second) in itertools.combinations_with_replacement(FILTERS, 2):
        if one != other and one.keys() & other.keys():
            continue
        response = await stored.post(PATH, json={"format": "json", **one, **other})
        assert response.status_code == 200, (one, other, response.text)
        assert _numbers(response.content) == first & second, (one, other)


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "art", "zip", "parquet"])
async def test_every_format_honours_them(stored: httpx.AsyncClient, kind: str) -> None:
    for training in (False, True) if kind not in {"csv", "zip"} else (False,):
        response = await stored.post(PATH, json={"format": kind, "forTraining": training, "source": "api"})
        content = response.content
        if kind == "parquet":
            content = str(table(content)).encode()
        assert b"t-3" in content
        assert not re.search(rb"\bt-[12]\b", content)


async def test_a_search_mode_that_does_not_exist(stored: httpx.AsyncClient) -> None:
    response = await stored.post(PATH, json={"format": "json", "search": "x", "searchMode": "regex"})
    assert response.status_code == 400
    assert "searchMode" in response.json()["error"]


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "art", "zip", "parquet"])
async def test_what_breaks_on_its_way_never_looks_whole(server: RunningServer, kind: str) -> None:
    """A record that cannot be read any more stands at the end of a long download."""
    noise = "".join(f"{number * 7919:x}" for number in range(8_000))
    batch = [trajectory(f"t-{number}", createdAt=number * 1000) for number in range(1, 1201)]
    for each in batch[::20]:
        each["steps"][0]["llmCalls"][0]["response"] = f"{each['id']}{noise}"
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        for start in range(0, len(batch), 300):
            stored = await client.post("/api/trajectories", json=batch[start : start + 300])
            assert stored.status_code == 201
        server.call(_spoil(server, kind))
        received = 0
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("POST", PATH, json={"format": kind}) as response:
                assert response.status_code == 200
                async for chunk in response.aiter_raw():
                    received += len(chunk)
        assert received > 0


async def _spoil(server: RunningServer, kind: str) -> None:
    """Make the oldest trajectory unreadable, in what the format reads last."""
    async with server.services.database.write() as connection:
        key = select(trajectories.c.key).where(trajectories.c.id == "t-1").scalar_subquery()
        calls = update(llm_calls).where(llm_calls.c.trajectory_key == key)
        header = update(trajectories).where(trajectories.c.id == "t-1")
        spoilt = header.values(created_at=-(10**17)) if kind == "csv" else calls.values(tags=text("'['"))
        await connection.execute(spoilt)
