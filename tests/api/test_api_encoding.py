"""Compressed request bodies, over real HTTP and as raw ASGI messages."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from api_server import RunningServer, client_of, trajectory
from whetstone.api.edge.encoding import ContentDecoding
from whetstone.decompression import BrokenDataError, Decoder
from whetstone.settings import Settings

MIB = 1 << 20
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}


def _many(count: int) -> bytes:
    return orjson.dumps([trajectory(f"t-{number}") for number in range(count)])


@pytest.mark.parametrize("encoding", COMPRESS)
async def test_a_compressed_batch_is_stored(client: httpx.AsyncClient, encoding: str) -> None:
    body = COMPRESS[encoding](_many(300))
    answer = await client.post("/api/trajectories", content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == 201
    assert answer.json()["created"] == 300
    assert (await client.get("/api/trajectories/t-299")).json()["llmCalls"][0]["callId"] == "t-299-call"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/trajectories/t-1/llm-calls", {"callId": "c", "response": "yes"}),
        ("POST", "/api/trajectories/t-1/end", {"status": "completed"}),
        ("PUT", "/api/trajectories/config", {"enabled": True}),
        ("POST", "/api/trajectories/export", {"format": "json"}),
        ("DELETE", "/api/trajectories", {"all": True}),
    ],
)
async def test_every_route_with_a_body_takes_it_compressed(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    content = gzip.compress(orjson.dumps(body))
    answer = await client.request(method, path, content=content, headers={"Content-Encoding": "GZIP"})
    assert answer.is_success, answer.text


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "compress", "x" * 5000])
async def test_an_unknown_encoding_is_told_what_is_accepted(client: httpx.AsyncClient, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = await client.post("/api/trajectories", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.json() == {"error": "Content-Encoding must be gzip, zstd or identity"}
    assert answer.headers["Accept-Encoding"] == "gzip, zstd"


async def test_identity_is_no_encoding(client: httpx.AsyncClient) -> None:
    headers = {"Content-Encoding": "identity"}
    answer = await client.post("/api/trajectories", content=_many(1), headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("damage", ["garbage", "cut", "tail"])
async def test_broken_data_is_refused(client: httpx.AsyncClient, encoding: str, damage: str) -> None:
    whole = COMPRESS[encoding](_many(5))
    body = {"garbage": b"\x01\x02 not compressed", "cut": whole[:-7], "tail": whole + b"garbage"}[damage]
    answer = await client.post("/api/trajectories", content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == 400
    assert encoding in answer.json()["error"]


async def test_an_empty_body_is_empty_in_any_encoding(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/trajectories", content=b"", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid JSON in request body"})


@pytest.mark.parametrize("encoding", COMPRESS)
async def test_the_limit_counts_what_a_body_decodes_to(settings: Settings, encoding: str) -> None:
    limited = settings.model_copy(update={"max_body_bytes": MIB, "max_ingest_body_bytes": MIB})
    headers = {"Content-Encoding": encoding}
    async with client_of(limited) as client:
        for size, status in ((MIB - 100, 400), (MIB + 100, 413)):
            content = COMPRESS[encoding](b" " * size)
            answer = await client.post("/api/trajectories", content=content, headers=headers)
            assert answer.status_code == status


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_bomb_stops_at_the_limit(server: RunningServer, encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(400 * MIB))
    tracemalloc.start()
    try:
        answer = httpx.put(
            f"{server.url}/api/trajectories/config", content=bomb, headers={"Content-Encoding": encoding}
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 24 * MIB


async def test_an_absurd_window_is_refused(client: httpx.AsyncClient) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = stream.compress(_many(1)) + stream.flush()
    answer = await client.post("/api/trajectories", content=body, headers={"Content-Encoding": "zstd"})
    assert answer.status_code == 400


def test_openapi_tells_of_encodings(server: RunningServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    with_body = [
        operation
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert len(with_body) > 10
    assert all("zstd" in operation["requestBody"]["description"] for operation in with_body)
    assert all("415" in operation["responses"] for operation in with_body)


def _cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
    yield data[start:]


@given(
    st.sampled_from(sorted(COMPRESS)),
    st.lists(st.binary(max_size=2000) | st.integers(0, 2 * MIB), min_size=1, max_size=4),
    st.lists(st.integers(0, 500), max_size=20),
)
def test_any_text_in_any_chunks_and_members(
    encoding: str, parts: list[bytes | int], sizes: list[int]
) -> None:
    texts = [bytes(part) for part in parts]
    compressed = b"".join(COMPRESS[encoding](text) for text in texts)
    decoder = Decoder(encoding)
    pieces = [piece for chunk in _cut(compressed, sizes) for piece in decoder.decode(chunk)]
    decoder.finish()
    assert b"".join(pieces) == b"".join(texts)
    assert max(map(len, pieces), default=0) <= 4 * MIB


@given(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(encoding: str, data: bytes) -> None:
    decoder = Decoder(encoding)
    try:
        list(decoder.decode(data))
        decoder.finish()
    except BrokenDataError:
        pass


async def _messages(*messages: dict[str, Any]) -> list[Any]:
    """What an application behind the layer receives."""
    waiting = iter(messages)
    seen: list[Any] = []

    async def receive() -> Any:
        return next(waiting)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["headers"] == [(b"content-type", b"x/y")]
        seen.extend([await receive() for _ in range(3)])

    headers = [(b"content-type", b"x/y"), (b"content-length", b"3"), (b"content-encoding", b"gzip")]
    layer = ContentDecoding(application)
    await layer({"type": "http", "headers": headers}, receive, lambda _: asyncio.sleep(0))
    return seen


async def test_a_disconnect_reaches_the_route() -> None:
    body, gone = gzip.compress(b"hello"), {"type": "http.disconnect"}
    early = await _messages({"type": "http.request", "body": body[:5], "more_body": True}, gone, gone, gone)
    assert early == [gone, gone, gone]
    late = await _messages({"type": "http.request", "body": body, "more_body": False}, gone, gone)
    assert [message.get("body") for message in late] == [b"hello", b"", None]
    assert late[2] is gone
