"""Trajectories over HTTP: ingest, list, detail, statistics, switch, deletion (contract §3, §4.5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api_server import client_of, trajectory
from whetstone.settings import Settings

PATH = "/api/trajectories"


async def stored(client: httpx.AsyncClient, *identifiers: str, **changes: Any) -> None:
    response = await client.post(PATH, json=[trajectory(identifier, **changes) for identifier in identifiers])
    assert response.status_code == 201, response.text


async def ids(client: httpx.AsyncClient, **query: str) -> list[str]:
    response = await client.get(PATH, params=query)
    assert response.status_code == 200, response.text
    return [record["id"] for record in response.json()["trajectories"]]


async def test_empty_store_answers_with_empty_lists(client: httpx.AsyncClient) -> None:
    body = (await client.get(PATH)).json()
    assert body == {"trajectories": [], "total": 0, "offset": 0, "limit": 50, "nextCursor": None}
    stats = (await client.get(f"{PATH}/stats")).json()
    assert stats["totalTrajectories"] == 0
    assert stats["bySource"] == {}
    exported = await client.post(f"{PATH}/export", json={"format": "json"})
    assert exported.json() == []


async def test_ingest_one_and_many(client: httpx.AsyncClient) -> None:
    one = await client.post(PATH, json=trajectory("t-1"))
    assert one.status_code == 201
    assert one.json() == {
        "ids": ["t-1"],
        "count": 1,
        "stored": True,
        "created": 1,
        "updated": 0,
        "llmCalls": 1,
        "providerAccesses": 1,
    }
    again = await client.post(PATH, json=[trajectory("t-1"), trajectory("t-2")])
    assert again.status_code == 201
    assert again.json()["ids"] == ["t-1", "t-2"]
    assert (again.json()["created"], again.json()["updated"]) == (1, 0)
    assert (await client.post(PATH, json=[])).json()["count"] == 0


async def test_step_by_step_in_any_order(client: httpx.AsyncClient) -> None:
    call = {"callId": "c-1", "purpose": "response", "userPrompt": "Hello?", "response": "Hello!"}
    assert (await client.post(f"{PATH}/t-9/llm-calls", json=call)).status_code == 201
    assert (await client.post(f"{PATH}/t-9/llm-calls", json=[call])).json()["llmCalls"] == 0
    access = {"accessId": "p-1", "providerName": "FACTS", "data": {"a": [1]}}
    assert (await client.post(f"{PATH}/t-9/provider-accesses", json=access)).json()["providerAccesses"] == 1
    judged = await client.post(
        f"{PATH}/t-9/annotations",
        json={"reward": 0.5, "corrections": [{"callId": "c-1", "correction": "Good day!"}]},
    )
    assert judged.status_code == 201
    assert (await client.post(f"{PATH}/t-9/end", json={"status": "completed"})).status_code == 201
    detail = (await client.get(f"{PATH}/t-9")).json()
    assert detail["trajectory"]["status"] == "completed"
    assert detail["llmCalls"][0]["correction"]["text"] == "Good day!"
    assert detail["providerAccesses"][0]["data"] == {"a": [1]}


@pytest.mark.parametrize(
    "identifier", ["a/b", "a/llm-calls", "/x/", "50%", "a b?c#d", "%2F", "日本", "end", "x/end", "a\nb\n"]
)
async def test_ids_are_decoded_once_and_may_hold_slashes(client: httpx.AsyncClient, identifier: str) -> None:
    path = f"{PATH}/{quote(identifier, safe='')}"
    assert (await client.post(f"{path}/llm-calls", json={"response": "yes"})).json()["ids"] == [identifier]
    assert (await client.post(f"{path}/end", json={})).json()["ids"] == [identifier]
    detail = await client.get(path)
    assert detail.status_code == 200
    assert detail.json()["trajectory"]["id"] == identifier
    assert len(detail.json()["llmCalls"]) == 1
    training = await client.get(f"/api/training/trajectories/{quote(identifier, safe='')}")
    assert training.json()["trajectory"]["trajectoryId"] == identifier


LIMITS: list[tuple[str | None, int]] = [
    (None, 50),
    ("", 50),
    ("0", 50),
    ("abc", 50),
    ("-3", 1),
    ("9999", 500),
    ("1e2", 100),
    (" 7 ", 7),
    ("0x10", 16),
    ("Infinity", 500),
    ("-Infinity", 1),
    ("1.9", 1),
    ("0.5", 1),
    ("12abc", 50),
    ("NaN", 50),
    ("1" * 400, 500),
]
OFFSETS = [
    ("", 0),
    ("-5", 0),
    ("x", 0),
    ("3", 3),
    ("2.7", 2),
    ("Infinity", 2**53),
    ("1e99", 2**53),
    ("-Infinity", 0),
]


async def test_coercion_of_limit_and_offset(client: httpx.AsyncClient) -> None:
    for limit, expected in LIMITS:
        response = await client.get(PATH, params={} if limit is None else {"limit": limit})
        assert (response.status_code, response.json()["limit"]) == (200, expected), limit
    for offset, expected in OFFSETS:
        response = await client.get(PATH, params={"offset": offset})
        assert (response.status_code, response.json()["offset"]) == (200, expected), offset


async def test_pages_are_newest_first_with_true_totals(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await stored(client, f"t-{number}")
    assert await ids(client) == ["t-4", "t-3", "t-2", "t-1", "t-0"]
    page = (await client.get(PATH, params={"limit": "2", "offset": "2"})).json()
    assert [record["id"] for record in page["trajectories"]] == ["t-2", "t-1"]
    assert page["total"] == 5
    beyond = (await client.get(PATH, params={"offset": "1e99"})).json()
    assert (beyond["trajectories"], beyond["total"]) == ([], 5)


async def test_all_filters(client: httpx.AsyncClient) -> None:
    await stored(client, "plain")
    await stored(
        client,
        "special",
        source="discord",
        status="error",
        scenarioId="s-1",
        batchId="b-1",
        runId="r-1",
        traceId="tr-1",
        isTrainingData=True,
        startTime=1_770_000_000_000,
        endTime=1_770_000_001_000,
    )
    await client.post(PATH, json={"id": "late", "status": "timeout"})
    for query in (
        {"source": "discord"},
        {"status": "error"},
        {"scenarioId": "s-1"},
        {"batchId": "b-1"},
        {"runId": "r-1"},
        {"traceId": "tr-1"},
        {"isTrainingData": "true"},
        {"search": "ORDER SPECIAL"},
        {"search": "special arrives", "source": "discord"},
    ):
        assert await ids(client, **query) == ["special"], query
    assert await ids(client, status="timeout") == ["late"]
    assert set(await ids(client, isTrainingData="anything")) == {"plain", "late"}
    assert set(await ids(client, source="", search="", status="")) == {"plain", "special", "late"}
    assert await ids(client, search="100% arrives_") == []
    assert await ids(client, startDate="2026-02-01T00:00:00Z", endDate="2026-02-03T00:00:00Z") == ["special"]
    assert await ids(client, startDate="2026-02-01T02:00:00 02:00", endDate="2026-02-03") == ["special"]
    assert len(await ids(client, startDate="nonsense")) == 3


async def test_detail_is_flat_and_by_step(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1")
    detail = (await client.get(f"{PATH}/t-1")).json()
    assert detail["llmCalls"][0]["stepId"] == "step-1"
    assert detail["llmCalls"][0]["temperature"] == 0
    assert detail["steps"][0]["llmCalls"][0]["callId"] == "t-1-call"
    assert detail["providerAccesses"][0]["providerName"] == "ORDERS"
    assert not {"events", "toolEvents", "cacheStats"} & set(detail)
    missing = await client.get(f"{PATH}/nobody")
    assert (missing.status_code, missing.json()) == (404, {"error": 'Trajectory "nobody" not found'})


async def test_statistics(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1", "t-2", scenarioId="s-1")
    stats = (await client.get(f"{PATH}/stats")).json()
    assert stats["totalTrajectories"] == 2
    assert stats["totalPromptTokens"] == 80
    assert stats["averageDurationMs"] == 1500
    assert stats["averageReward"] == 1
    assert stats["bySource"] == {"chat": 2}
    assert stats["byModel"] == {"gpt-x": 2}
    assert stats["byStatus"] == {"completed": 2}
    assert stats["byScenario"] == {"s-1": 2}


async def test_logging_switch_is_kept_over_restarts(settings: Settings) -> None:
    async with client_of(settings) as client:
        assert (await client.get(f"{PATH}/config")).json() == {"enabled": True}
        assert (await client.put(f"{PATH}/config", json={"enabled": False})).json() == {"enabled": False}
        assert (await client.put(f"{PATH}/config", json={})).json() == {"enabled": False}
        refused = await client.put(f"{PATH}/config", json={"enabled": "yes"})
        assert refused.status_code == 400
        assert "enabled" in refused.json()["error"]
    async with client_of(settings) as client:
        assert (await client.get(f"{PATH}/config")).json() == {"enabled": False}
        answer = await client.post(PATH, json=trajectory("t-1"))
        assert (answer.status_code, answer.json()["stored"]) == (201, False)
        assert await ids(client) == []


async def test_environment_forbids_logging(settings: Settings) -> None:
    async with client_of(settings.model_copy(update={"node_env": "test"})) as client:
        assert (await client.put(f"{PATH}/config", json={"enabled": True})).json() == {"enabled": False}


async def test_deletion_takes_three_bodies(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1", "t-2", "t-3")

    async def delete(body: dict[str, Any]) -> httpx.Response:
        return await client.request("DELETE", PATH, json=body)

    assert (await delete({"trajectoryIds": ["t-1", "t-1", "no"]})).json() == {
        "deleted": 1,
        "notFound": 1,
        "remaining": 2,
    }
    assert (await delete({"trajectoryIds": []})).json()["deleted"] == 0
    for body in ({}, {"all": False}, {"clearAll": "yes"}, {"trajectoryIds": None}, {"trajectoryIds": "t-2"}):
        refused = await delete(body)
        assert refused.status_code == 400, body
        assert "trajectoryIds" in refused.json()["error"]
    assert (await delete({"trajectoryIds": ["t-2"], "all": True})).status_code == 400
    assert (await delete({"clearAll": True})).json() == {"deleted": 2, "remaining": 0}
    await stored(client, "t-4")
    assert (await delete({"all": True, "unknown": 1})).json() == {"deleted": 1, "remaining": 0}


async def test_deletion_by_filter_never_means_everything_by_accident(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1", "t-2", "t-3")

    async def delete(body: dict[str, Any]) -> httpx.Response:
        return await client.request("DELETE", PATH, json=body)

    refused: list[dict[str, Any]] = [
        {"filter": {}},
        {"filter": {"source": None}},
        {"filter": {"source": ""}},
        {"filter": {"soruce": "chat"}},
        {"filter": {"startDate": "yesterday"}},
        {"filter": {"minReward": "much"}},
        {"filter": {"isTrainingData": "maybe"}},
        {"filter": {"searchMode": "text"}},
        {"filter": "all"},
        {"filter": {"source": "chat"}, "all": True},
        {"filter": {"source": "chat"}, "trajectoryIds": ["t-1"]},
    ]
    for body in refused:
        response = await delete(body)
        assert response.status_code == 400, body
        assert response.json()["error"][0].isupper() or response.json()["error"].startswith("'"), body
    assert len(await ids(client)) == 3

    await stored(client, "t-4", status="error", endTime=5)
    wanted = {"status": "error", "endDate": "2100-01-01", "hasError": "true"}
    assert (await delete({"filter": wanted})).json() == {"deleted": 1, "remaining": 3}
    assert (await delete({"filter": {"search": "nowhere at all"}})).json()["deleted"] == 0


async def test_statistics_by_time(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1", startTime=1_770_000_000_000)
    assert "buckets" not in (await client.get(f"{PATH}/stats")).json()
    body = (await client.get(f"{PATH}/stats", params={"bucket": "day"})).json()
    assert [(each["start"], each["trajectories"]) for each in body["buckets"]] == [
        ("2026-02-02T00:00:00.000Z", 1)
    ]
    query = {"bucket": "hour", "startDate": "2026-02-03"}
    assert (await client.get(f"{PATH}/stats", params=query)).json()["buckets"] == []
    refused = await client.get(f"{PATH}/stats", params={"bucket": "week"})
    assert (refused.status_code, refused.json()) == (400, {"error": "'bucket' must be 'hour' or 'day'"})


async def test_storage_report(client: httpx.AsyncClient) -> None:
    await stored(client, "t-1")
    report = (await client.get(f"{PATH}/storage")).json()
    assert report["databaseBytes"] > 0
    assert (report["trajectories"], report["llmCalls"]) == (1, 1)
    assert report["search"].keys() == {"pending", "oldestPendingMs"}
