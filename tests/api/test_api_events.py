"""Server-sent events over a real connection, and their REST twin (contract §2)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from api_server import RunningServer, running, trajectory
from whetstone.settings import Settings

EVENTS = "/api/training/events"


@contextmanager
def following(
    server: RunningServer, path: str = EVENTS, **headers: str
) -> Iterator[Iterator[ServerSentEvent]]:
    """The events of a stream, once the server has said that it is connected."""
    with (
        httpx.Client(base_url=server.url, timeout=10) as client,
        connect_sse(
            client, "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        ) as source,
    ):
        assert source.response.status_code == 200
        events = source.iter_sse()
        greeting = next(events)  # holds `retry` and no data
        assert greeting.retry
        yield (event for event in events if event.data)


def message_of(event: ServerSentEvent) -> str:
    message: str = event.json()["payload"]["message"]
    return message


def test_envelope_on_the_stream(server: RunningServer) -> None:
    with following(server) as events:
        identifier = server.publish("45%", "job_progress", job_id="job-1", progress=0.45, phase="training")
        event = next(events)
    assert event.id == identifier
    assert event.event == "training_event"
    envelope = event.json()
    assert envelope["type"] == "training_event"
    assert envelope["eventId"] == identifier
    payload = envelope["payload"]
    assert payload["progress"] == 0.45
    assert (payload["kind"], payload["jobId"], payload["phase"]) == ("job_progress", "job-1", "training")
    assert isinstance(payload["ts"], int)


def test_new_stream_begins_now_and_resumed_stream_misses_nothing(server: RunningServer) -> None:
    published = [server.publish(f"before {number}") for number in range(3)]
    with following(server) as events:
        server.publish("after")
        assert message_of(next(events)) == "after"
    with following(server, Last_Event_ID=published[0]) as events:
        assert [message_of(next(events)) for _ in range(3)] == ["before 1", "before 2", "after"]
    with following(server, f"{EVENTS}?lastEventId={published[1]}") as events:
        assert message_of(next(events)) == "before 2"


def test_stream_of_one_job_tells_its_story_and_ends(server: RunningServer) -> None:
    batch = [trajectory(f"t-{number}") for number in range(8)]
    with httpx.Client(base_url=server.url, timeout=10) as client:
        assert client.post("/api/trajectories", json=batch).status_code == 201
        job = client.post("/api/training/jobs", json={"backend": "native"}).json()["job"]
        client.post(f"/api/training/jobs/{job['id']}/cancel").raise_for_status()
        server.publish("of another job", job_id="job-2")
        path = f"/api/training/jobs/{job['id']}/events"
        with following(server, path) as events:
            story = list(events)  # ends by itself
        assert {event.json()["payload"]["jobId"] for event in story} == {job["id"]}
        assert story[-1].json()["payload"]["kind"] in {"job_cancelled", "job_failed"}
        with following(server, path, Last_Event_ID=story[-1].id) as events:
            assert list(events) == []
        missing = client.get("/api/training/jobs/nobody/events")
        assert (missing.status_code, missing.json()) == (404, {"error": "Training job not found"})


def test_rest_twin(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        empty = client.get("/api/agent/events").json()
        assert empty == {"events": [], "latestEventId": None, "totalBuffered": 0, "replayed": True}
        published = [server.publish(f"event {number}") for number in range(130)]
        answer = client.get("/api/agent/events").json()
        assert [event["eventId"] for event in answer["events"]] == published[-120:]
        assert (answer["latestEventId"], answer["totalBuffered"]) == (published[-1], 130)
        later = client.get("/api/agent/events", params={"lastEventId": published[-3]}).json()
        assert [event["eventId"] for event in later["events"]] == published[-2:]


def test_streams_end_promptly_when_the_server_stops(settings: Settings) -> None:
    connected = threading.Semaphore(0)
    with running(settings) as server, ThreadPoolExecutor() as pool:

        def follow_to_the_end() -> int:
            with following(server) as events:
                connected.release()
                return len(list(events))

        readers = [pool.submit(follow_to_the_end) for _ in range(5)]
        for _ in readers:
            assert connected.acquire(timeout=10)
        started = time.monotonic()
        server.stop()
        assert [reader.result(5) for reader in readers] == [0] * 5
        assert time.monotonic() - started < 3


def test_vanished_and_stalled_clients_hurt_nobody(server: RunningServer) -> None:
    request = f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    vanished = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    try:
        for connection in (*stalled, *vanished):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request)
        for connection in vanished:
            connection.recv(100)
            connection.close()
        with following(server) as events:
            for number in range(300):
                server.publish(f"{number} " + "x" * 3000)
            seen = [message_of(next(events)).split()[0] for _ in range(300)]
            assert seen == [str(number) for number in range(300)]
        with httpx.Client(base_url=server.url) as client:
            started = time.monotonic()
            assert client.get("/api/training/status").status_code == 200
            assert time.monotonic() - started < 1
    finally:
        for connection in stalled:
            connection.close()


def test_heartbeat_keeps_a_quiet_stream_alive(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whetstone.api.sse._HEARTBEAT_SECONDS", 0.05)
    with httpx.stream("GET", server.url + EVENTS, timeout=5) as response:
        lines = response.iter_lines()
        assert any(line == ": heartbeat" for _, line in zip(range(20), lines, strict=False))


def test_stream_headers(server: RunningServer) -> None:
    with httpx.stream("GET", server.url + EVENTS, headers={"Origin": "http://localhost:1"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["access-control-allow-origin"] == "http://localhost:1"


def test_every_line_of_the_stream_is_well_formed(server: RunningServer) -> None:
    with httpx.stream("GET", server.url + EVENTS, timeout=5) as response:
        chunks = response.iter_text()
        assert next(chunks).startswith(": connected")
        server.publish("two\nlines\r\nof text")
        frame = next(chunks)
    lines = frame.rstrip("\n").split("\n")
    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data"]
    assert json.loads(lines[2].removeprefix("data: "))["payload"]["message"] == "two\nlines\r\nof text"
