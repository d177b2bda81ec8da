"""Reads of a filled store: each kind many times with different values, one after another, over one connection."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
from benchmarks.store.processes import Server
from benchmarks.store.traffic import Traffic, words

_REPEATS = 60


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one kind of read."""

    p50: float
    p95: float
    reads: int

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Latency:
        """Quantiles of measured seconds."""
        ordered = sorted(value * 1000 for value in seconds)
        return cls(
            ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], len(ordered)
        )


def whetstone_reads(server: Server, trajectories: int) -> dict[str, Latency]:
    """All reads of the trajectory API."""
    chance = random.Random(5)
    vocabulary = words()
    common = list(zip(vocabulary[:40], vocabulary[60:100], strict=True))
    found: dict[str, Latency] = {}
    with httpx.Client(base_url=server.url, timeout=120) as client:

        def read(**query: Any) -> Any:
            answer = client.get("/api/trajectories", params=query)
            answer.raise_for_status()
            return answer.json()

        found["list page"] = timed(lambda _: read(limit=50), range(_REPEATS))
        found["filtered page"] = timed(
            lambda place: read(source=("chat", "api")[place % 2], status="error"), range(_REPEATS)
        )
        found["deep offset"] = timed(lambda place: read(offset=trajectories - 100 - place), range(20))
        cursor: str | None = None

        def follow(_: int) -> None:
            nonlocal cursor
            cursor = read(limit=50, **({"cursor": cursor} if cursor else {}))["nextCursor"]

        found["cursor page"] = timed(follow, range(_REPEATS))
        kinds = {
            "word, common": vocabulary[:40],
            "word, medium": vocabulary[1_000:1_040],
            "word, rare": vocabulary[20_000:20_040],
            "phrase": [f'"{phrase}"' for phrase in Traffic().phrases(40)],
            "phrase of common words": [f'"{first} {second}"' for first, second in common],
            "prefix": [f"{word[:5]}*" for word in vocabulary[1_000:1_040]],
        }
        for kind, texts in kinds.items():
            found[f"search: {kind}"] = timed(lambda text: read(search=text, searchMode="query"), texts)
        middles = [f"wz{key * 1_000 + 5}pl" for key in range(max(1, trajectories // 1_000))][:40]
        found["search: selective substring"] = timed(lambda text: read(search=text), middles)
        found["search: substring of a word"] = timed(
            lambda text: read(search=text), ["yxgril", *(word[1:] for word in vocabulary[2_000:2_030])]
        )
        ids = [f"trajectory-{chance.randrange(trajectories):08d}" for _ in range(_REPEATS)]
        found["detail"] = timed(lambda key: client.get(f"/api/trajectories/{key}").raise_for_status(), ids)
        found["stats"] = timed(
            lambda _: client.get("/api/trajectories/stats").raise_for_status(), range(_REPEATS)
        )
        found["stats by day"] = timed(
            lambda _: client.get("/api/trajectories/stats?bucket=day").raise_for_status(), range(20)
        )
    return found


_SPANS = """query($id: ID!, $filter: String, $after: String) { node(id: $id) { ... on Project { spans(
  first: 50, after: $after, sort: {col: startTime, dir: desc}, filterCondition: $filter) {
  edges { node { spanId name startTime statusCode } } pageInfo { endCursor } } } } }"""
_STATS = "query($id: ID!) { node(id: $id) { ... on Project { traceCount recordCount tokenCountTotal } } }"


def phoenix_reads(server: Server) -> dict[str, Latency]:
    """The reads of Phoenix that answer the same questions, by its own UI's API where REST has none."""
    vocabulary = words()
    found: dict[str, Latency] = {}
    with httpx.Client(base_url=server.url, timeout=600) as client:
        project = client.get("/v1/projects").json()["data"][0]["id"]

        def query(text: str, **variables: Any) -> Any:
            answer = client.post("/graphql", json={"query": text, "variables": {"id": project, **variables}})
            answer.raise_for_status()
            if "errors" in (body := answer.json()):
                raise RuntimeError(str(body["errors"])[:500])
            return body["data"]["node"]

        found["list page"] = timed(lambda _: query(_SPANS), range(10))
        cursor: str | None = None

        def follow(_: int) -> None:
            nonlocal cursor
            cursor = query(_SPANS, after=cursor)["spans"]["pageInfo"]["endCursor"]

        found["cursor page"] = timed(follow, range(10))
        kinds = {
            "word, common": vocabulary[5:6],
            "word, medium": vocabulary[1_000:1_001],
            "word, rare": vocabulary[20_000:20_001],
            "phrase": [f"{vocabulary[0]} {vocabulary[60]}"],
            "selective substring": ["wz5pl"],
        }
        for kind, texts in kinds.items():
            # Each scans everything, for the better part of a minute: once is enough.
            found[f"search: {kind}"] = timed(
                lambda text: query(_SPANS, filter=f"'{text}' in input.value"), texts, warm=False
            )
        traces = client.get("/v1/projects/default/traces", params={"limit": 20}).json()["data"]
        found["detail"] = timed(
            lambda trace: client.get(
                "/v1/projects/default/spans", params={"trace_id": trace["trace_id"], "limit": 100}
            ).raise_for_status(),
            traces,
        )
        found["stats"] = timed(lambda _: query(_STATS), range(5))
    return found


def timed(read: Callable[[Any], Any], values: Iterable[Any], *, warm: bool = True) -> Latency:
    """Latencies of `read` for each value; with `warm`, one read before is not counted."""
    given = list(values)
    if warm:
        read(given[0])
    seconds = []
    for value in given:
        started = time.perf_counter()
        read(value)
        seconds.append(time.perf_counter() - started)
    return Latency.of(seconds)


@dataclass(frozen=True, slots=True)
class Download:
    """An export: calls a second, and growth of the server's memory in bytes."""

    calls_per_second: float
    megabytes: float
    growth: int


def export(server: Server, file_format: str, calls: int, end_date: str | None = None) -> Download:
    """Download trajectories with `calls` calls together."""
    body = {"format": file_format} | ({"endDate": end_date} if end_date else {})
    before = peak = server.memory()
    started = time.perf_counter()
    size = 0
    with (
        httpx.Client(base_url=server.url, timeout=600) as client,
        client.stream("POST", "/api/trajectories/export", json=body) as answer,
    ):
        answer.raise_for_status()
        for part in answer.iter_raw(1 << 20):
            if (size >> 24) != ((size + len(part)) >> 24):
                peak = max(peak, server.memory())
            size += len(part)
    return Download(calls / (time.perf_counter() - started), size / 1e6, peak - before)
