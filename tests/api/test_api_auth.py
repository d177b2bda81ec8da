"""Who may call (contract §1.3)."""

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


TOKEN = "t0ken-of-the-tests"
STATUS = "/api/training/status"
SAMPLE = [
    ("GET", "/api/trajectories"),
    ("GET", "/api/trajectories/t-1"),
    ("DELETE", "/api/trajectories"),
    ("POST", "/api/trajectories"),
    ("POST", "/api/trajectories/export"),
    ("POST", "/api/training/jobs"),
    ("GET", "/api/training/events"),
    ("PUT", "/api/training/auto/config"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/nothing"),
]


def with_token(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"api_token": SecretStr(TOKEN), **changes})


ACCEPTED = [
    {"Authorization": f"Bearer {TOKEN}"},
    {"Authorization": f"bearer   {TOKEN} "},
    {"X-Eliza-Token": TOKEN},
    {"X-ElizaOS-Token": TOKEN},
    {"X-Milady-Token": TOKEN},
    {"X-Milaidy-Token": TOKEN},
    {"X-Api-Key": TOKEN},
    {"X-API-Token": TOKEN},
    {"Authorization": "Basic eDp5", "X-Api-Key": TOKEN},
]


async def test_every_token_header_opens(settings: Settings) -> None:
    async with client_of(with_token(settings)) as client:
        for headers in ACCEPTED:
            assert (await client.get(STATUS, headers=headers)).status_code == 200, headers


REFUSED: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer "},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"X-Eliza-Token": TOKEN + "x"},
    {"X-Server-Token": TOKEN},
    {"X-Api-Key": "\u00e9"},
]


async def test_anything_else_is_401(settings: Settings) -> None:
    async with client_of(with_token(settings)) as client:
        for headers in REFUSED:
            encoded = {name.encode(): value.encode() for name, value in headers.items()}
            for method, path in SAMPLE:
                response = await client.request(method, path, headers=encoded)
                assert response.status_code == 401, (path, headers)
                assert response.json() == {"error": "Unauthorized"}
                assert response.headers["www-authenticate"] == "Bearer"


async def test_health_checks_and_preflights_need_no_token(settings: Settings) -> None:
    async with client_of(with_token(settings), peer="203.0.113.9") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.options(STATUS)).status_code == 200


async def test_server_secret_opens_only_in_its_own_header(settings: Settings) -> None:
    secret = with_token(settings, server_shared_secret=SecretStr("between servers"))
    async with client_of(secret) as client:
        assert (await client.get(STATUS, headers={"X-Server-Token": "between servers"})).status_code == 200
        assert (await client.get(STATUS, headers={"X-Server-Token": "no"})).status_code == 401
        assert (
            await client.get(STATUS, headers={"Authorization": "Bearer between servers"})
        ).status_code == 401


async def test_without_a_token_this_machine_may_call_whatever_it_sends(client: httpx.AsyncClient) -> None:
    assert (await client.get(STATUS)).status_code == 200
    assert (await client.get(STATUS, headers={"Authorization": "Bearer your-token"})).status_code == 200


async def test_without_a_token_nobody_else_may(settings: Settings) -> None:
    for peer in ("203.0.113.9", "192.168.1.4", "testclient"):
        async with client_of(settings, peer=peer) as client:
            assert (await client.get(STATUS)).status_code == 401


async def test_a_proxy_on_this_machine_is_not_this_machine(client: httpx.AsyncClient) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert (await client.get(STATUS, headers={header: "127.0.0.1"})).status_code == 401


async def test_local_trust_can_be_removed(settings: Settings) -> None:
    async with client_of(settings.model_copy(update={"require_local_auth": True})) as client:
        assert (await client.get(STATUS)).status_code == 401


async def test_a_wider_bind_makes_a_token_and_shows_it_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client_of(settings.model_copy(update={"host": "0.0.0.0"})) as client:  # noqa: S104
        console = capsys.readouterr()
        assert (await client.get(STATUS)).status_code == 401
        shown = re.findall(r"\b[0-9a-f]{64}\b", console.err)
        assert len(shown) == 1
        assert shown[0] not in console.out  # the log holds a fingerprint
        assert "fingerprint" in console.out
        response = await client.get(STATUS, headers={"Authorization": f"Bearer {shown[0]}"})
        assert response.status_code == 200


async def test_without_a_generated_token_a_wider_bind_refuses_all(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = settings.model_copy(update={"host": "0.0.0.0", "disable_auto_api_token": True})  # noqa: S104
    async with client_of(closed) as client:
        assert (await client.get(STATUS)).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
    assert "ELIZA_API_TOKEN" in capsys.readouterr().out


async def test_query_token_only_where_allowed_and_only_for_streams(settings: Settings) -> None:
    stream = {"Accept": "text/event-stream"}
    async with client_of(with_token(settings)) as client:
        refused = await client.get("/api/training/jobs/x/events", params={"token": TOKEN}, headers=stream)
        assert refused.status_code == 401
    async with client_of(with_token(settings, allow_ws_query_token=True)) as client:
        for name in ("token", "apiKey", "api_key"):
            query = {name: TOKEN}
            opened = await client.get("/api/training/jobs/x/events", params=query, headers=stream)
            assert opened.status_code == 404  # let in: there is no such job
            assert (await client.get(STATUS, params=query)).status_code == 401
            wrong = await client.get("/api/training/jobs/x/events", params={name: "no"}, headers=stream)
            assert wrong.status_code == 401


async def test_tokens_never_reach_the_log(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    async with client_of(with_token(settings, allow_ws_query_token=True)) as client:
        await client.get("/api/training/jobs/x/events", params={"token": TOKEN})
        await client.get(STATUS, headers={"Authorization": f"Bearer {TOKEN}"})
        await client.get("/api/trajectories", params={"search": "a private matter"})
    console = capsys.readouterr()
    assert "/api/training/status" in console.out
    assert TOKEN not in console.out + console.err
    assert "private" not in console.out + console.err


async def test_a_token_beyond_ascii(settings: Settings) -> None:
    umlaut = settings.model_copy(update={"api_token": SecretStr("schl\u00fcssel")})
    async with client_of(umlaut) as client:
        header = {b"Authorization": "Bearer schl\u00fcssel".encode()}
        assert (await client.get(STATUS, headers=header)).status_code == 200
