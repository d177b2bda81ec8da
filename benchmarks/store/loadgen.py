"""A small HTTP/1.1 client for load: keep-alive connections, bodies made beforehand, little work a request.

A general client (httpx) costs more processor time a request than the server that is to be measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One POST; `items` is what the rate counts."""

    path: str
    body: bytes
    items: int
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


@dataclass(slots=True)
class LoadResult:
    """What a run sent. Latencies are seconds."""

    items: int = 0
    requests: int = 0
    refused: int = 0
    seconds: float = 0
    latencies: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Latency below which `share` of the requests stayed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def run_load(url: str, requests: Iterator[Request], connections: int) -> LoadResult:
    """Send all requests over `connections` connections; a 429 is sent again after a moment.

    Raises RuntimeError on any other status than 2xx.
    """
    result = LoadResult()
    address = urlsplit(url)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(address.hostname or "", address.port or 80, requests, result))
    result.seconds = time.perf_counter() - started
    return result


async def _connection(host: str, port: int, requests: Iterator[Request], result: LoadResult) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for request in requests:
            headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
            head = f"POST {request.path} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}"
            message = f"{head}Content-Length: {len(request.body)}\r\n\r\n".encode() + request.body
            while True:
                started = time.perf_counter()
                writer.write(message)
                await writer.drain()
                status, body = await _answer(reader)
                if status != 429:
                    break
                result.refused += 1
                await asyncio.sleep(0.2)
            if not 200 <= status < 300:
                raise RuntimeError(f"{request.path} answered {status}: {body[:300]!r}")
            result.latencies.append(time.perf_counter() - started)
            result.requests += 1
            result.items += request.items
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    length = 0
    for line in lines[1:]:
        if line.startswith(b"content-length:"):
            length = int(line[15:])
        elif line.startswith(b"transfer-encoding:") and b"chunked" in line:
            return status, await _chunks(reader)
    return status, await reader.readexactly(length) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)
