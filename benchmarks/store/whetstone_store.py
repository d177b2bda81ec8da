"""Whetstone under measurement: a real server process on SQLite or PostgreSQL, driven over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
from benchmarks.store.loadgen import LoadResult, Request, run_load
from benchmarks.store.otlp import request as otlp_request
from benchmarks.store.peers import otlp_request as as_request
from benchmarks.store.processes import Server, free_port, serving
from benchmarks.store.traffic import Traffic, Trajectory, rest_call, rest_document

_BATCH = 50
_CONNECTIONS = 8
_SINGLE_CONNECTIONS = 32


@contextmanager
def whetstone(folder: Path, database_url: str | None) -> Iterator[Server]:
    """The service on a state folder below `folder`, or on PostgreSQL."""
    port = free_port()
    environment = {"ELIZA_STATE_DIR": str(folder / "whetstone"), "WHETSTONE_LOG_LEVEL": "warning"}
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "whetstone", "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with serving(command, url, "/healthz", environment, folder / "whetstone.log") as server:
        yield server


def load_batches(server: Server, calls: int) -> tuple[LoadResult, float]:
    """Whole trajectories, about 50 calls a request; what was sent, and seconds until the index had caught up."""
    started = time.perf_counter()
    sent = asyncio.run(run_load(server.url, _batches(calls), _CONNECTIONS))
    await_index(server)
    return sent, time.perf_counter() - started


def load_singly(server: Server, calls: int) -> tuple[LoadResult, float]:
    """One call a request, appended to its trajectory."""
    started = time.perf_counter()
    sent = asyncio.run(run_load(server.url, _singles(calls), _SINGLE_CONNECTIONS))
    await_index(server)
    return sent, time.perf_counter() - started


def load_otlp(server: Server, calls: int) -> tuple[LoadResult, float]:
    """OTLP export requests of about 400 spans."""
    requests = list(otlp_batches("whetstone", calls))
    started = time.perf_counter()
    sent = asyncio.run(run_load(server.url, iter(requests), _CONNECTIONS))
    await_index(server)
    return sent, time.perf_counter() - started


def otlp_batches(name: str, calls: int, spans_a_request: int = 400) -> Iterator[Request]:
    """The traffic as export requests, as the receiver `name` takes them."""
    trajectories = Traffic().trajectories(calls)
    for part in _parts(trajectories, spans_a_request):
        yield as_request(name, *otlp_request(part))


def await_index(server: Server) -> None:
    """Return when search has nothing left to index."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        while client.get("/api/trajectories/storage").json()["search"]["pending"]:
            time.sleep(0.05)


def _batches(calls: int) -> Iterator[Request]:
    for part in _parts(Traffic().trajectories(calls), _BATCH):
        documents = [rest_document(trajectory) for trajectory in part]
        items = sum(len(trajectory.calls) for trajectory in part)
        yield Request("/api/trajectories", orjson.dumps(documents), items)


def _singles(calls: int) -> Iterator[Request]:
    traffic = Traffic(seed=7).trajectories(calls)
    # Sixty-four agents at work at once: neighbours in the stream belong to different trajectories.
    while group := list(itertools.islice(traffic, 64)):
        for place in range(max(len(trajectory.calls) for trajectory in group)):
            for trajectory in group:
                if place < len(trajectory.calls):
                    body = orjson.dumps(rest_call(trajectory.calls[place]))
                    yield Request(f"/api/trajectories/single-{trajectory.key:08d}/llm-calls", body, 1)


def _parts(trajectories: Iterator[Trajectory], calls: int) -> Iterator[list[Trajectory]]:
    part: list[Trajectory] = []
    size = 0
    for trajectory in trajectories:
        part.append(trajectory)
        size += len(trajectory.calls)
        if size >= calls:
            yield part
            part, size = [], 0
    if part:
        yield part
