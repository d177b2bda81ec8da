"""Failures have one form, and bodies are read by the contract's rules (§1.1, §1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api_server import client_of, settings_in
from whetstone.app import create_app
from whetstone.settings import Settings

# One application for the module: these tests leave nothing behind.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings_in(tmp_path_factory.mktemp("state"))) as client:
        yield client


BUILD = "/api/training/datasets/build"


def error_of(response: httpx.Response) -> str:
    body = response.json()
    assert list(body) == ["error"]
    assert isinstance(body["error"], str)
    return body["error"]


@pytest.mark.parametrize("path", ["/nothing", "/api/trajectories/", "/api/training", "/openapi.json/x"])
async def test_unknown_path_is_404(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert error_of(response)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/training/status"),
        ("PATCH", "/api/trajectories"),
        ("GET", "/api/trajectories/export/x/end"),
        ("DELETE", BUILD),
        ("PUT", "/healthz"),
    ],
)
async def test_wrong_method_is_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path)
    assert response.status_code == 404
    assert error_of(response)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"limit": NaN}',
        b'{"limit": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 5000 + b"]" * 5000,
        b"limit=5",
        b"\x00",
    ],
)
async def test_what_is_not_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(BUILD, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, error_of(response)) == (400, "Invalid JSON in request body")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"5", b"true"])
async def test_json_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(BUILD, content=body)
    assert (response.status_code, error_of(response)) == (400, "Request body must be a JSON object")


async def test_absurd_nesting_is_refused(client: httpx.AsyncClient) -> None:
    body = b'{"a":' * 200 + b"1" + b"}" * 200
    response = await client.post(BUILD, content=body)
    assert response.status_code == 400
    assert "nested" in error_of(response)


async def test_content_type_does_not_matter(client: httpx.AsyncClient) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense"):
        response = await client.put(
            "/api/trajectories/config", content=b'{"enabled": true}', headers={"Content-Type": content_type}
        )
        assert response.status_code == 200, response.text


async def test_validation_failure_names_the_field_and_not_the_value(client: httpx.AsyncClient) -> None:
    response = await client.request(
        "DELETE", "/api/trajectories", json={"trajectoryIds": ["a", {"private": "text"}]}
    )
    assert response.status_code == 400
    assert "trajectoryIds[1]" in error_of(response)
    assert "private" not in response.text


async def test_place_in_an_ingest_batch_is_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/trajectories", json=[{"id": "a"}, {"id": "b", "status": "nonsense"}])
    assert response.status_code == 400
    assert "[1].status" in error_of(response)
    single = await client.post("/api/trajectories", json={"id": "b", "status": "nonsense"})
    assert "'status'" in error_of(single)


async def test_nul_in_the_address_is_refused(client: httpx.AsyncClient) -> None:
    for path in ("/api/trajectories/a%00b", "/api/trajectories?search=%00"):
        response = await client.get(path)
        assert response.status_code == 400
        error_of(response)


async def test_body_over_the_limit_is_413_on_plain_routes(client: httpx.AsyncClient) -> None:
    body = b'{"a":"' + b"x" * 1_048_576 + b'"}'
    response = await client.post(BUILD, content=body)
    assert (response.status_code, error_of(response)) == (413, "Failed to read request body")


async def test_body_exactly_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"enabled":true,"a":"' + b"x" * (1_048_576 - 23) + b'"}'
    assert len(body) == 1_048_576
    response = await client.put("/api/trajectories/config", content=body)
    assert response.status_code == 200


async def test_bytes_are_counted_where_no_length_is_declared(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 65_536
            yield b"x" * 65_536

    response = await client.post(BUILD, content=endless())
    assert (response.status_code, error_of(response)) == (413, "Failed to read request body")
    assert sent < 2_000_000


async def test_ingest_takes_more_than_other_routes(settings: Settings) -> None:
    small = settings.model_copy(update={"max_body_bytes": 2048, "max_ingest_body_bytes": 8192})
    async with client_of(small) as client:
        text = "x" * 4000
        stored = await client.post("/api/trajectories", json={"id": "t", "metadata": {"text": text}})
        assert stored.status_code == 201
        refused = await client.post("/api/trajectories/export", json={"format": "json", "x": text})
        assert refused.status_code == 413
        calls = await client.post("/api/trajectories/t/llm-calls", json={"response": text})
        assert calls.status_code == 201
        too_much = await client.post("/api/trajectories", json={"id": "u", "metadata": {"text": text * 3}})
        assert too_much.status_code == 413


async def test_unhandled_exception_is_500_without_its_text(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    app: FastAPI = create_app(settings)

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError(" ".join(["secret", "prompt", "text"]))

    async with client_of(settings, app=app) as client:
        response = await client.get("/boom", headers={"Origin": "http://localhost:5173"})
    assert (response.status_code, error_of(response)) == (500, "Internal server error")
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert response.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr()
    assert "RuntimeError" in logged.out + logged.err
    assert "secret prompt text" not in logged.out + logged.err
