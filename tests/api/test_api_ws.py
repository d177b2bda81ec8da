"""The dashboard's WebSocket, with a real client (contract §2.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api_server import RunningServer, running
from whetstone.settings import Settings

TOKEN = "t0ken"


@pytest.fixture
def guarded(settings: Settings) -> Iterator[RunningServer]:
    with running(settings.model_copy(update={"api_token": SecretStr(TOKEN)})) as server:
        yield server


def opened(server: RunningServer, query: str = "?clientId=ui-1", **options: Any) -> ClientConnection:
    connection: ClientConnection = connect(f"{server.ws_url}/ws{query}", proxy=None, **options)
    return connection


def frame(socket: ClientConnection, timeout: float = 10) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(socket.recv(timeout))
    return content


def close_of(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            socket.recv(10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def refused(server: RunningServer, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        connect(server.ws_url + path, proxy=None, **options)
    response = caught.value.response
    assert response.body is not None
    return response.status_code, json.loads(response.body)


def test_status_then_replay_then_live(server: RunningServer) -> None:
    published = [server.publish(f"event {number}") for number in range(125)]
    with opened(server) as socket:
        status = frame(socket)
        assert status["type"] == "status"
        assert status["state"] == "running"
        assert (status["model"], status["canRespond"], status["pendingRestartReasons"]) == (None, True, [])
        assert [frame(socket)["eventId"] for _ in range(120)] == published[5:]
        live = server.publish("now")
        event = frame(socket)
        assert (event["type"], event["eventId"]) == ("training_event", live)
        assert event["payload"]["message"] == "now"


@pytest.mark.parametrize("name", ["lastEventId", "since"])
def test_replay_after_an_event(server: RunningServer, name: str) -> None:
    published = [server.publish(f"event {number}") for number in range(200)]
    with opened(server, f"?{name}={published[9]}") as socket:
        assert frame(socket)["type"] == "status"
        assert [frame(socket)["eventId"] for _ in range(190)] == published[10:]


def test_ping_unknown_frames_and_repeated_messages(server: RunningServer) -> None:
    with opened(server) as socket:
        assert frame(socket)["type"] == "status"
        for ignored in (
            "nonsense",
            "[]",
            '"x"',
            '{"type":"active-conversation","id":1}',
            '{"type":["ping"]}',
        ):
            socket.send(ignored)
        socket.send(b"\xff\x00")
        socket.send('{"type":"ping","msgId":"m-1"}')
        socket.send('{"type":"ping","msgId":"m-1"}')
        socket.send('{"type":"ping","msgId":"m-2"}')
        assert frame(socket) == {"type": "pong"}
        assert frame(socket) == {"type": "pong"}
        with pytest.raises(TimeoutError):
            socket.recv(0.3)


def test_status_is_repeated(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whetstone.api.ws._STATUS_SECONDS", 0.05)
    with opened(server) as socket:
        assert [frame(socket)["type"] for _ in range(3)] == ["status"] * 3


def test_auth_frame_opens(guarded: RunningServer) -> None:
    with opened(guarded) as socket:
        socket.send('{"type":"ping"}')
        assert frame(socket) == {"type": "pong"}
        socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        assert frame(socket) == {"type": "auth-ok"}
        assert frame(socket)["type"] == "status"
        guarded.publish("told")
        assert frame(socket)["payload"]["message"] == "told"


@pytest.mark.parametrize("token", ["wrong", None, 5, "", "\u00e9"])
def test_wrong_auth_frame_closes(guarded: RunningServer, token: Any) -> None:
    guarded.publish("secret")
    with opened(guarded) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        assert close_of(socket) == (1008, "Unauthorized")


def test_silence_instead_of_a_token_closes(guarded: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whetstone.api.ws._AUTH_SECONDS", 0.1)
    with opened(guarded) as socket:
        assert close_of(socket) == (1008, "Unauthorized")


def test_too_many_waiting_sockets_are_closed(guarded: RunningServer) -> None:
    with ExitStack() as waiting:
        for _ in range(16):
            socket = waiting.enter_context(opened(guarded))
            socket.send('{"type":"ping"}')
            assert frame(socket) == {"type": "pong"}
        with opened(guarded) as socket:
            assert close_of(socket) == (1008, "Unauthorized")
    with opened(guarded) as socket:
        socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        assert frame(socket) == {"type": "auth-ok"}


def test_token_in_the_handshake(guarded: RunningServer) -> None:
    with opened(guarded, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        assert frame(socket)["type"] == "status"
        socket.send(json.dumps({"type": "auth", "token": TOKEN}))
        assert frame(socket) == {"type": "auth-ok"}
    wrong = {"Authorization": "Bearer no"}
    assert refused(guarded, "/ws", additional_headers=wrong) == (401, {"error": "Unauthorized"})
    # The query counts only where the setting allows it: here the socket waits for an auth frame.
    with opened(guarded, f"?token={TOKEN}") as socket, pytest.raises(TimeoutError):
        socket.recv(0.3)


def test_query_token_where_allowed(settings: Settings) -> None:
    allowed = settings.model_copy(update={"api_token": SecretStr(TOKEN), "allow_ws_query_token": True})
    with running(allowed) as server:
        with opened(server, f"?apiKey={TOKEN}") as socket:
            assert frame(socket)["type"] == "status"
        assert refused(server, "/ws?token=no")[0] == 401


def test_open_service_answers_an_auth_frame(server: RunningServer) -> None:
    with opened(server) as socket:
        assert frame(socket)["type"] == "status"
        socket.send('{"type":"auth","token":"left over"}')
        assert frame(socket) == {"type": "auth-ok"}


def test_foreign_origin_and_other_paths_are_refused(server: RunningServer) -> None:
    assert refused(server, "/ws", origin="http://evil.example") == (403, {"error": "Origin not allowed"})
    assert refused(server, "/other") == (404, {"error": "Not found"})
    assert refused(server, "/api/training/events") == (404, {"error": "Not found"})
    with opened(server, origin="http://localhost:5173") as socket:
        assert frame(socket)["type"] == "status"


def test_oversized_frame_closes(server: RunningServer) -> None:
    with opened(server) as socket:
        socket.send(json.dumps({"type": "ping", "pad": "x" * 65_000}))
        assert [frame(socket)["type"] for _ in range(2)] == ["status", "pong"]
        socket.send("x" * 65_537)
        assert close_of(socket)[0] == 1009


def test_stopping_server_says_goodbye(settings: Settings) -> None:
    with running(settings) as server, opened(server) as socket:
        assert frame(socket)["type"] == "status"
        server.stop()
        assert close_of(socket)[0] in {1001, 1012}
