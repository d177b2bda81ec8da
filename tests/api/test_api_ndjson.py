"""Uploads of JSON lines to `POST /api/trajectories`."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import anyio
import httpx
import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from api_server import RunningServer, client_of, trajectory
from whetstone.api.edge.lines import JSON_LINES, LineCutter
from whetstone.api.uploads import Upload
from whetstone.db import Database
from whetstone.errors import OverloadedError, UnavailableError
from whetstone.settings import Settings
from whetstone.trajectories.ingest.writes import IngestResult
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore

NDJSON = {"Content-Type": "application/x-ndjson"}
MIB = 1 << 20


def _lines(values: Iterator[Any] | Sequence[Any]) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


async def _total(client: httpx.AsyncClient) -> int:
    total: int = (await client.get("/api/trajectories")).json()["total"]
    return total


async def test_lines_are_stored_in_batches(client: httpx.AsyncClient) -> None:
    body = _lines([trajectory(f"t-{number}") for number in range(450)])
    answer = await client.post("/api/trajectories", content=body, headers=NDJSON)
    assert answer.status_code == 201
    assert answer.json() == {
        "count": 450,
        "stored": True,
        "created": 450,
        "updated": 0,
        "llmCalls": 450,
        "providerAccesses": 450,
        "rejected": 0,
        "errors": [],
    }
    again = await client.post("/api/trajectories", content=body, headers=NDJSON)
    assert {name: again.json()[name] for name in ("count", "created", "updated", "llmCalls")} == {
        "count": 450,
        "created": 0,
        "updated": 0,
        "llmCalls": 0,
    }
    assert await _total(client) == 450


@pytest.mark.parametrize("media_type", [*JSON_LINES, "Application/X-NDJSON; charset=utf-8"])
async def test_media_types(client: httpx.AsyncClient, media_type: str) -> None:
    body = b"\xef\xbb\xbf" + orjson.dumps(trajectory("t-1")) + b"\r\n\r\n  \n" + orjson.dumps({"id": "t-2"})
    answer = await client.post("/api/trajectories", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["created"]) == (201, 2)


async def test_a_plain_json_body_takes_the_other_route(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/trajectories", json=trajectory("t-1"))
    assert answer.json()["ids"] == ["t-1"]


async def test_a_bad_line_does_not_stop_the_rest(client: httpx.AsyncClient) -> None:
    bad = [b"{", b"[]", b'"text"', b'{"id": {}}', b'{"steps": 7}', b"\xff\xfe", b"[" * 200 + b"]" * 200]
    lines = [orjson.dumps({"id": "t-0"}), b"", *bad, orjson.dumps({"id": "t-9"})]
    answer = await client.post("/api/trajectories", content=b"\n".join(lines), headers=NDJSON)
    assert answer.status_code == 201
    found = answer.json()
    assert (found["count"], found["created"], found["rejected"]) == (2, 2, len(bad))
    assert [error["line"] for error in found["errors"]] == list(range(3, 3 + len(bad)))
    sentences = [error["error"] for error in found["errors"]]
    assert sentences[:5] == [
        "Invalid JSON",
        "A line must be a JSON object",
        "A line must be a JSON object",
        "'trajectoryId' is not valid: an id must be text",
        "'steps' is not valid: input should be a valid list",
    ]


async def test_a_clash_costs_only_its_own_line(client: httpx.AsyncClient) -> None:
    clash = {"id": "t-5", "steps": [{"stepId": name, "llmCalls": [{"callId": "same"}]} for name in "ab"]}
    body = _lines([clash if number == 5 else {"id": f"t-{number}"} for number in range(12)])
    found = (await client.post("/api/trajectories", content=body, headers=NDJSON)).json()
    assert (found["count"], found["created"], found["rejected"]) == (11, 11, 1)
    assert found["errors"][0]["line"] == 6
    assert "same" in found["errors"][0]["error"]
    assert await _total(client) == 11


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The request body holds no trajectory"),
        (b"\n \n", "The request body holds no trajectory"),
        (b"x\ny\n", "None of the 2 lines is a trajectory; line 1: Invalid JSON"),
    ],
)
async def test_nothing_taken_is_a_failure(client: httpx.AsyncClient, body: bytes, sentence: str) -> None:
    answer = await client.post("/api/trajectories", content=body, headers=NDJSON)
    assert (answer.status_code, answer.json()) == (400, {"error": sentence})


async def test_only_the_first_errors_are_shown(client: httpx.AsyncClient) -> None:
    body = b'{"id": "t-1"}\n' + b"x\n" * 500
    found = (await client.post("/api/trajectories", content=body, headers=NDJSON)).json()
    assert (found["rejected"], len(found["errors"]), found["errors"][-1]["line"]) == (500, 20, 21)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", None])
async def test_the_limit_is_one_of_lines(settings: Settings, encoding: str | None) -> None:
    """A body far over the limit of a body is taken, and a line over it left out."""
    limited = settings.model_copy(update={"max_body_bytes": 4096, "max_ingest_body_bytes": 4096})
    long = {"id": "long", "metadata": {"text": "x" * 5000}}
    body = _lines([long, *(trajectory(f"t-{number}") for number in range(50)), long])
    assert len(body) > 30_000
    content = {"gzip": gzip.compress, "zstd": zstandard.compress, None: bytes}[encoding](body)  # type: ignore[operator]
    headers = NDJSON | ({"Content-Encoding": encoding} if encoding else {})
    async with client_of(limited) as client:
        answer = await client.post("/api/trajectories", content=content, headers=headers)
        assert answer.status_code == 201
        assert (answer.json()["count"], answer.json()["rejected"]) == (50, 2)
        assert answer.json()["errors"][0] == {"line": 1, "error": "The line is longer than 4096 bytes"}
        refused = await client.post("/api/trajectories/t-1/llm-calls", content=body, headers=NDJSON)
        assert refused.status_code == 413


async def test_what_came_before_broken_data_is_stored(client: httpx.AsyncClient) -> None:
    body = gzip.compress(_lines([{"id": f"t-{number}"} for number in range(10)])) + b"garbage"
    answer = await client.post(
        "/api/trajectories", content=body, headers=NDJSON | {"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The request body is not valid gzip; 10 trajectories")
    assert await _total(client) == 10


async def test_nothing_is_stored_while_logging_is_off(client: httpx.AsyncClient) -> None:
    await client.put("/api/trajectories/config", json={"enabled": False})
    answer = await client.post("/api/trajectories", content=b'{"id": "t-1"}', headers=NDJSON)
    assert (answer.status_code, answer.json()["stored"], answer.json()["created"]) == (201, False, 0)
    assert await _total(client) == 0


def test_what_a_client_sent_before_it_left_stays(server: RunningServer) -> None:
    body = _lines([{"id": f"t-{number}"} for number in range(300)]) + b'{"id": "half'
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = "POST /api/trajectories HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
        connection.sendall(head.encode() + b"Content-Length: 99999999\r\n\r\n" + body)
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while httpx.get(f"{server.url}/api/trajectories").json()["total"] != 300:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_memory_does_not_grow_with_the_body(server: RunningServer) -> None:
    text = "x" * 50_000

    def body() -> Iterator[bytes]:
        for number in range(1200):
            yield orjson.dumps({"id": "t-1", "metadata": {"text": text, "n": number}}) + b"\n"

    tracemalloc.start()
    try:
        answer = httpx.post(f"{server.url}/api/trajectories", content=body(), headers=NDJSON, timeout=120)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.json()["count"] == 1200  # 60 MB
    assert peak < 40 * MIB


class _BusyStore(TrajectoryStore):
    """A store that has too much to do for the first few batches."""

    refusals = 3

    async def add(self, batch: Sequence[TrajectoryInput]) -> IngestResult:
        if self.refusals:
            self.refusals -= 1
            raise OverloadedError("Too much to do")
        return await super().add(batch)


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_an_upload_waits_for_a_busy_store(database: Database, settings: Settings) -> None:
    store = _BusyStore(database, settings)
    upload = Upload(store, max_line_bytes=1000, closing=anyio.Event())
    tally = await upload.take(_chunks(b'{"id": "t-', b'1"}\n{"id"', b': "t-2"}'))
    assert (tally.count, tally.created, store.refusals) == (2, 2, 0)


async def test_a_stopping_service_does_not_wait(database: Database, settings: Settings) -> None:
    closing = anyio.Event()
    closing.set()
    upload = Upload(_BusyStore(database, settings), max_line_bytes=1000, closing=closing)
    with pytest.raises(UnavailableError):
        await upload.take(_chunks(b'{"id": "t-1"}'))


@given(st.lists(st.binary(max_size=12)), st.lists(st.integers(0, 20)), st.integers(1, 15))
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], sizes: list[int], limit: int) -> None:
    body = b"\n".join(line.replace(b"\n", b"") for line in lines)
    cutter, start, found = LineCutter(limit), 0, []
    for size in [*sizes, len(body)]:
        found += list(cutter.feed(body[start : start + size]))
        start += size
    found += list(cutter.finish())
    expected = [
        (number, line if len(line) <= limit else None)
        for number, line in enumerate(body.split(b"\n"), start=1)
        if len(line) > limit or line.strip()
    ]
    assert found == expected


def test_openapi_tells_of_uploads(server: RunningServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    operation = document["paths"]["/api/trajectories"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    names = str(operation["responses"]["201"]["content"]["application/json"]["schema"])
    assert "Uploaded" in names
    assert "Ingested" in names
