"""Downloads (contract §5)."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from typing import Any

import httpx
import pytest

from api_server import trajectory

PATH = "/api/trajectories/export"


@pytest.fixture(autouse=True)
async def _stored(client: httpx.AsyncClient) -> None:
    batch = [
        trajectory("t-1", scenarioId="s-1"),
        trajectory("t-2", batchId="b-1", startTime=1_770_000_000_000, endTime=1_770_000_001_000),
    ]
    batch[1]["steps"][0]["llmCalls"][0]["userPrompt"] = "Write to jane.doe@example.com please"
    assert (await client.post("/api/trajectories", json=batch)).status_code == 201


async def download(client: httpx.AsyncClient, name: str, media_type: str, **body: Any) -> bytes:
    response = await client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == media_type
    disposition = response.headers["content-disposition"]
    assert re.fullmatch(rf'attachment; filename="{name}"', disposition), disposition
    return response.content


def ids(content: bytes) -> list[str]:
    return [document["trajectoryId"] for document in json.loads(content)]


async def test_json_holds_whole_trajectories(client: httpx.AsyncClient) -> None:
    content = await download(client, r"trajectories-\d+\.json", "application/json", format="json")
    assert ids(content) == ["t-2", "t-1"]
    assert b"jane.doe@example.com" in content
    assert json.loads(content)[0]["steps"][0]["llmCalls"][0]["systemPrompt"]


async def test_json_without_prompts(client: httpx.AsyncClient) -> None:
    content = await download(
        client, r"trajectories-\d+\.json", "application/json", format="json", includePrompts=False
    )
    assert b"jane.doe" not in content
    assert b"systemPrompt" not in content
    whole = await download(
        client, r"trajectories-\d+\.json", "application/json", format="json", includePrompts="false"
    )
    assert b"systemPrompt" in whole  # only the literal false redacts


async def test_json_as_training_rows_is_filtered(client: httpx.AsyncClient) -> None:
    content = await download(
        client,
        r"trajectories-\d+\.eliza-native\.json",
        "application/json",
        format="json",
        jsonShape="eliza_native_v1",
    )
    rows = json.loads(content)
    assert {row["format"] for row in rows} == {"eliza_native_v1"}
    assert b"jane.doe" not in content


async def test_jsonl_and_art_are_filtered_lines(client: httpx.AsyncClient) -> None:
    lines = await download(
        client, r"trajectories.*\.eliza-native\.jsonl", "application/x-ndjson", format="jsonl"
    )
    assert len(lines.splitlines()) == 2
    art = await download(client, r"trajectories-\d+\.art\.jsonl", "application/x-ndjson", format="art")
    transcript = json.loads(art.splitlines()[0])
    assert [message["role"] for message in transcript["messages"]] == ["system", "user", "assistant"]
    assert transcript["reward"] == 1
    assert b"jane.doe" not in lines + art


async def test_csv(client: httpx.AsyncClient) -> None:
    content = await download(client, r"trajectories-\d+\.csv", "text/csv", format="csv", includePrompts=False)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [row["trajectoryId"] for row in rows] == ["t-2", "t-1"]
    assert rows[0]["promptTokens"] == "40"


async def test_zip(client: httpx.AsyncClient) -> None:
    content = await download(
        client, r"trajectories-[0-9TZ-]+\.zip", "application/zip", format="zip", includePrompts=True
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist()[0] == "manifest.json"
        assert set(archive.namelist()) > {"t-1/trajectory.json", "t-1/summary.json"}


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"trajectoryIds": ["t-1"]}, ["t-1"]),
    ({"trajectoryIds": []}, []),
    ({"scenarioId": "s-1"}, ["t-1"]),
    ({"batchId": "b-1"}, ["t-2"]),
    ({"batchId": "b-1", "trajectoryIds": ["t-1"]}, []),
    ({"startDate": "2026-01-01"}, ["t-2"]),
    ({"endDate": "2026-01-01"}, ["t-1"]),
    ({"startDate": "nonsense", "scenarioId": 5, "unknown": True}, ["t-2", "t-1"]),
]


async def test_filters(client: httpx.AsyncClient) -> None:
    for filters, expected in FILTERS:
        response = await client.post(PATH, json={"format": "json", **filters})
        assert ids(response.content) == expected, filters


async def test_unknown_format(client: httpx.AsyncClient) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"format": None},
        {"format": "xml"},
        {"format": ["json"]},
        {"format": 5},
    ]
    for body in bodies:
        response = await client.post(PATH, json=body)
        assert response.status_code == 400
        assert response.json() == {"error": "Format must be 'json', 'jsonl', 'csv', 'art', or 'zip'"}


async def test_unknown_shape(client: httpx.AsyncClient) -> None:
    shapes: list[Any] = ["harness_v1", "", 5, {}]
    for shape in shapes:
        response = await client.post(PATH, json={"format": "json", "jsonShape": shape})
        assert response.status_code == 400
        assert response.json() == {"error": "jsonShape must be 'legacy' or 'eliza_native_v1'"}


async def test_ids_of_a_wrong_type_do_not_mean_all(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json={"format": "json", "trajectoryIds": "t-1"})
    assert response.status_code == 400
    assert "trajectoryIds" in response.json()["error"]
