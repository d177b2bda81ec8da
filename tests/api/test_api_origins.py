"""Browsers: origins, preflights, Host check, security headers, request ids (contract §1.4)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from api_server import client_of, settings_in
from whetstone.settings import Settings

# One application for the module: these tests leave nothing behind.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings_in(tmp_path_factory.mktemp("state"))) as client:
        yield client


STATUS = "/api/training/status"
CLIENT_HEADERS = (
    "Content-Type, Authorization, X-API-Token, X-Api-Key, X-Eliza-Token, X-ElizaOS-Token, X-Server-Token, "
    "X-Eliza-Export-Token, X-Eliza-Client-Id, X-ElizaOS-Client-Id, X-Eliza-Terminal-Token, X-Eliza-UI-Language, "
    "X-ElizaOS-UI-Language, X-Eliza-CSRF, X-Eliza-Trace-Id"
)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5173",
        "https://localhost",
        "http://127.0.0.1:31337",
        "http://127.8.8.8",
        "http://[::1]:2138",
        "https://tauri.localhost",
        "capacitor://localhost",
        "tauri://localhost",
        "electrobun://app",
        "app://-",
        "file://",
    ],
)
async def test_local_origins_may_call_with_credentials(client: httpx.AsyncClient, origin: str) -> None:
    response = await client.get(STATUS, headers={"Origin": origin})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://user@localhost",
        "http://localhost/path",
        "ftp://localhost",
        "null",
        "http://[::1",
        "localhost",
        "http://",
    ],
)
async def test_other_origins_are_403(client: httpx.AsyncClient, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        response = await client.request(method, STATUS, headers={"Origin": origin})
        assert (response.status_code, response.json()) == (403, {"error": "Origin not allowed"})
        assert "access-control-allow-origin" not in response.headers


async def test_preflight_lists_all_methods_and_headers(client: httpx.AsyncClient) -> None:
    response = await client.options(
        "/api/trajectories/export",
        headers={
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-elizaos-client-id",
        },
    )
    assert response.status_code == 200
    assert response.json() == {}
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert {name.strip().lower() for name in CLIENT_HEADERS.split(",")} <= allowed
    assert response.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"


async def test_disposition_is_exposed(client: httpx.AsyncClient) -> None:
    response = await client.get(STATUS, headers={"Origin": "http://localhost:5173"})
    assert "Content-Disposition" in response.headers["access-control-expose-headers"]


async def test_listed_origin_gets_no_credentials(settings: Settings) -> None:
    listed = settings.model_copy(update={"allowed_origins": ["https://dash.example"]})
    async with client_of(listed) as client:
        response = await client.get(STATUS, headers={"Origin": "https://dash.example"})
        assert response.headers["access-control-allow-origin"] == "https://dash.example"
        assert "access-control-allow-credentials" not in response.headers
        other = await client.get(STATUS, headers={"Origin": "https://dash.example.evil"})
        assert other.status_code == 403


async def test_null_origin_by_opt_in(settings: Settings) -> None:
    async with client_of(settings.model_copy(update={"allow_null_origin": True})) as client:
        response = await client.get(STATUS, headers={"Origin": "null"})
        assert response.headers["access-control-allow-origin"] == "null"


async def test_wildcard_bind_reflects_any_origin_and_serves_any_address(settings: Settings) -> None:
    wide = settings.model_copy(update={"host": "0.0.0.0", "api_token": SecretStr("t")})  # noqa: S104
    async with client_of(wide, headers={"X-Api-Key": "t"}) as client:
        response = await client.get(STATUS, headers={"Origin": "https://any.example"})
        assert response.headers["access-control-allow-origin"] == "https://any.example"
        assert "access-control-allow-credentials" not in response.headers
        assert (await client.get(STATUS, headers={"Host": "192.168.1.20:2138"})).status_code == 200
        assert (await client.get(STATUS, headers={"Host": "evil.example"})).status_code == 403


@pytest.mark.parametrize("host", ["localhost:2138", "127.0.0.1", "[::1]:2138", "LOCALHOST", "a.localhost"])
async def test_loopback_hosts_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get(STATUS, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:2138", "192.168.1.20", "localhost.evil.example", "", "1.2.3.4:80"]
)
async def test_other_hosts_are_403(client: httpx.AsyncClient, host: str) -> None:
    for path in (STATUS, "/healthz"):
        response = await client.get(path, headers={"Host": host})
        assert response.status_code == 403
        assert "Host" in response.json()["error"]


async def test_bind_host_and_listed_hosts_are_served(settings: Settings) -> None:
    named = settings.model_copy(
        update={"host": "192.168.1.20", "allowed_hosts": ["stone.example"], "api_token": SecretStr("t")}
    )
    async with client_of(named, headers={"X-Api-Key": "t"}) as client:
        for host in ("192.168.1.20:2138", "stone.example", "stone.example:8080", "localhost"):
            assert (await client.get(STATUS, headers={"Host": host})).status_code == 200
        own_page = {"Host": "stone.example:8080", "Origin": "http://stone.example:8080"}
        assert (await client.get(STATUS, headers=own_page)).status_code == 200
        foreign_page = {"Host": "stone.example:8080", "Origin": "http://stone.example:9090"}
        assert (await client.get(STATUS, headers=foreign_page)).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", STATUS, "/nothing", "/docs"])
async def test_security_headers_on_every_answer(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-xss-protection"] == "0"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


async def test_request_ids(client: httpx.AsyncClient) -> None:
    fresh = (await client.get("/healthz")).headers["x-request-id"]
    assert re.fullmatch(r"req-\d+-[0-9a-f]{8}", fresh)
    given = await client.get("/healthz", headers={"X-Request-Id": "trace-7:a.b_c"})
    assert given.headers["x-request-id"] == "trace-7:a.b_c"
    for insane in ("a b", "x" * 200, "<script>", ""):
        response = await client.get("/healthz", headers={"X-Request-Id": insane})
        assert response.headers["x-request-id"] != insane
