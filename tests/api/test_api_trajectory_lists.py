"""The trajectory list over HTTP: filters, orders, cursors, search (contract §3.1 and beyond)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PATH = "/api/trajectories"


async def fill(client: httpx.AsyncClient) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "createdAt": 1_000, "totalReward": 0.5, "tags": ["checked"], "status": "completed"},
        {
            "id": "b",
            "createdAt": 2_000,
            "llmCalls": [{"model": "m-1", "response": "a needle", "promptTokens": 9}],
        },
        {"id": "c", "createdAt": 3_000, "totalReward": -1, "toolEvents": [{"type": "tool_error"}]},
        {"id": "d", "createdAt": 4_000, "status": "timeout", "llmCalls": [{"purpose": "should_respond"}]},
    ]
    response = await client.post(PATH, json=rows)
    assert response.status_code == 201, response.text


async def listed(client: httpx.AsyncClient, **query: str) -> list[str]:
    response = await client.get(PATH, params=query)
    assert response.status_code == 200, response.text
    body = response.json()
    ids = [row["id"] for row in body["trajectories"]]
    assert body["total"] == len(ids), query
    return ids


async def test_filters_beyond_the_contract(client: httpx.AsyncClient) -> None:
    await fill(client)
    assert await listed(client, minReward="0") == ["a"]
    assert await listed(client, minReward="-1e0") == ["c", "a"]
    assert await listed(client, hasError="true") == ["d", "c"]
    assert await listed(client, hasError="false") == ["b", "a"]
    assert await listed(client, tag="checked") == ["a"]
    assert await listed(client, model="m-1") == ["b"]
    assert await listed(client, model="m-1", hasError="true") == []
    assert await listed(client, search="NEEDLE", model="m-1") == ["b"]
    everything = ["d", "c", "b", "a"]
    for nonsense in ("x", "NaN", "Infinity", ""):
        assert await listed(client, minReward=nonsense) == everything
    for name in ("hasError", "tag", "model", "task", "searchMode", "sort", "order", "cursor"):
        assert await listed(client, **{name: ""}) == everything, name


async def test_orders(client: httpx.AsyncClient) -> None:
    await fill(client)
    assert await listed(client, order="asc") == ["a", "b", "c", "d"]
    assert await listed(client, sort="reward") == ["a", "c", "d", "b"]
    assert await listed(client, sort="reward", order="asc") == ["c", "a", "b", "d"]
    assert (await listed(client, sort="tokens"))[0] == "b"


async def test_cursor_walks_to_the_end(client: httpx.AsyncClient) -> None:
    await fill(client)
    seen: list[str] = []
    query = {"limit": "3", "sort": "reward"}
    body = (await client.get(PATH, params=query)).json()
    while True:
        seen += [row["id"] for row in body["trajectories"]]
        assert body["total"] == 4
        if body["nextCursor"] is None:
            break
        body = (await client.get(PATH, params=query | {"cursor": body["nextCursor"], "offset": "2"})).json()
        assert body["offset"] == 0
    assert seen == ["a", "c", "d", "b"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"cursor": "garbage"}, "cursor"),
        ({"cursor": "A" * 3000}, "cursor"),
        ({"sort": "size"}, "createdAt, startTime, duration, tokens, reward, relevance"),
        ({"order": "up"}, "asc or desc"),
        ({"searchMode": "regex"}, "text or query"),
        ({"sort": "relevance"}, "search"),
        ({"search": "x" * 1001}, "1000 characters"),
    ],
)
async def test_what_makes_no_sense_is_said_in_a_sentence(
    client: httpx.AsyncClient, query: dict[str, str], sentence: str
) -> None:
    refused = await client.get(PATH, params=query)
    assert refused.status_code == 400
    assert sentence in refused.json()["error"]


async def test_a_cursor_is_refused_with_another_filter(client: httpx.AsyncClient) -> None:
    await fill(client)
    following = (await client.get(PATH, params={"limit": "1"})).json()["nextCursor"]
    assert (await client.get(PATH, params={"limit": "2", "cursor": following})).status_code == 200
    for other in ({"source": "chat"}, {"order": "asc"}, {"search": "a"}):
        refused = await client.get(PATH, params={"cursor": following} | other)
        assert refused.status_code == 400
        assert "another filter or order" in refused.json()["error"]


async def test_a_search_says_where_it_matched_and_what_is_not_indexed_yet(client: httpx.AsyncClient) -> None:
    await fill(client)
    for query in ({"search": "needle"}, {"search": "need*", "searchMode": "query", "sort": "relevance"}):
        body = (await client.get(PATH, params=query)).json()
        [row] = body["trajectories"]
        assert row["id"] == "b"
        assert body["search"].keys() == {"pending", "oldestPendingMs"}
        assert row["snippet"]["field"] == "response"
        [[start, end]] = row["snippet"]["highlights"]
        assert row["snippet"]["text"][start:end] in {"needle", "need"}
    assert "search" not in (await client.get(PATH)).json()


async def test_the_training_list_stays_as_it_was(client: httpx.AsyncClient) -> None:
    await fill(client)
    body = (await client.get("/api/training/trajectories", params={"limit": "2", "offset": "1"})).json()
    assert [row["trajectoryId"] for row in body["trajectories"]] == ["c", "b"]
    assert (body["total"], body["offset"], body["limit"], body["available"]) == (4, 1, 2, True)
