"""Downloads (contract §5)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import zipfile
from typing import Any

import httpx
import pytest

from api_server import trajectory
from export_files import table

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


async def test_parquet(client: httpx.AsyncClient) -> None:
    media_type = "application/vnd.apache.parquet"
    content = await download(client, r"trajectories-\d+\.parquet", media_type, format="parquet")
    assert {row["trajectoryId"] for row in table(content)} == {"t-1", "t-2"}
    assert "jane.doe@example.com" in str(table(content))
    content = await download(
        client,
        r"trajectories-\d+\.eliza-native\.parquet",
        media_type,
        format="parquet",
        forTraining=True,
    )
    assert {row["format"] for row in table(content)} == {"eliza_native_v1"}
    assert "jane.doe" not in str(table(content))


async def test_for_training_means_the_privacy_filter(client: httpx.AsyncClient) -> None:
    content = await download(
        client, r"trajectories-\d+\.eliza-native\.json", "application/json", format="json", forTraining=True
    )
    assert b"jane.doe" not in content
    bodies = [{"format": "csv"}, {"format": "zip"}, {"format": "json", "jsonShape": "legacy"}]
    for body in bodies:
        response = await client.post(PATH, json={**body, "forTraining": True})
        assert response.status_code == 400
        assert "forTraining" in response.json()["error"]


async def test_compressed(client: httpx.AsyncClient) -> None:
    # Whatever encodings the client accepts: the file itself is compressed.
    name = r"trajectories-\d+\.json\.gz"
    content = await download(client, name, "application/gzip", format="json", compression="gzip")
    assert ids(gzip.decompress(content)) == ["t-2", "t-1"]
    response = await client.post(PATH, json={"format": "zip", "compression": "gzip"})
    assert response.status_code == 400
    response = await client.post(PATH, json={"format": "json", "compression": "rar"})
    assert response.status_code == 400
    assert "compression" in response.json()["error"]


async def test_without_pyarrow(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    response = await client.post(PATH, json={"format": "parquet"})
    assert response.status_code == 501
    assert "whetstone[parquet]" in response.json()["error"]


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
        assert response.json() == {
            "error": "Format must be 'json', 'jsonl', 'csv', 'art', or 'zip'; 'parquet' is possible too"
        }


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
