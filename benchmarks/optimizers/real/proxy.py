"""One door to the embedded model for all engines: the product's client with its cache, so that a second run is cheap."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from pathlib import Path

from whetstone.lm.client import LMClient
from whetstone.lm.errors import LMError
from whetstone.lm.types import ChatRequest
from whetstone.settings import Settings

_ANSWER_TOKENS = 48


class Proxy:
    """`POST /` with `{"messages": […]}` gives `{"text": …}`. `serve` runs in a loop of its own thread."""

    def __init__(self, cache: Path) -> None:
        self._settings = Settings(_env_file=None, state_dir=cache / "state").model_copy(
            update={"lm_provider": "local", "lm_timeout_seconds": 300.0}
        )
        self._port = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def address(self) -> str:
        """Where it listens."""
        self._ready.wait()
        return f"http://127.0.0.1:{self._port}/"

    def stop(self) -> None:
        """End `serve`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def serve(self) -> None:
        """Answer until stopped."""
        self._loop = asyncio.get_running_loop()
        async with LMClient.from_settings(self._settings) as client:

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                    length = int(head.split("content-length:")[1].split("\r\n")[0])
                    content = json.dumps(
                        {"text": await _answer(client, await reader.readexactly(length))}
                    ).encode()
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content)
                    )
                    writer.write(content)
                    await writer.drain()
                writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            self._port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stopping.wait()
            server.close()


async def _answer(client: LMClient, body: bytes) -> str:
    request = ChatRequest(tuple(json.loads(body)["messages"]), temperature=0.0, max_tokens=_ANSWER_TOKENS)
    try:
        return (await client.complete(request)).text
    except LMError as error:
        return f"(no answer: {error.message})"
