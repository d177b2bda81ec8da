"""A small HTTP server that answers like Ray's job server, or as oddly as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

TOKEN = "the token"


class RayPeer:
    """Keeps submissions and runs nothing.

    `trouble`, while set, is what every request gets: a raw answer, or None in `hangs` for none at all.
    """

    def __init__(self) -> None:
        self.submissions: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.trouble: bytes | None = None
        self.trouble_for = ""
        self.hangs = False
        self.address = ""

    @property
    def only(self) -> dict[str, Any]:
        """The details of the one submission."""
        [details] = self.submissions.values()
        return details

    def answer_oddly(self, status: str, body: bytes = b"", *, headers: str = "", method: str = "") -> None:
        """From now on give that answer, to requests of that method."""
        self.trouble_for = method
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
        self.trouble = head.encode() + body

    def recover(self) -> None:
        self.trouble, self.hangs = None, False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split("\r\n")[0].split(" ")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if self.hangs:
                await reader.read()
            elif self.trouble is not None and self.trouble_for in ("", method):
                writer.write(self.trouble)
            else:
                authorised = headers.get("authorization") == f"bearer {TOKEN}"
                status, content = self._answer(method, path, body) if authorised else ("401 No", b"who?")
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
                )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[str, bytes]:
        parts = path.strip("/").split("/")
        if method == "POST" and len(parts) == 2:
            order = orjson.loads(body)
            if order["submission_id"] in self.submissions:
                return "500 Internal Server Error", b"ValueError: Job with submission_id x already exists."
            self.orders.append(order)
            self.submissions[order["submission_id"]] = {"status": "PENDING", "type": "SUBMISSION"}
            return "200 OK", orjson.dumps({"submission_id": order["submission_id"]})
        found = self.submissions.get(parts[2])
        if found is None:
            return "404 Not Found", f"Job {parts[2]} does not exist".encode()
        if parts[-1] == "stop":
            self.stopped.append(parts[2])
            return "200 OK", b'{"stopped": true}'
        return "200 OK", orjson.dumps(found)


@asynccontextmanager
async def ray_peer() -> AsyncIterator[RayPeer]:
    """A peer that listens on a free port."""
    peer = RayPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()
