"""Compressed request bodies: gzip and zstd, decoded while they arrive.

Routes and limits behind this layer see plain bytes, in pieces of bounded size: a decompression bomb meets the limit
of its route before it fills the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whetstone.api.responses import error_response
from whetstone.decompression import BrokenDataError, Decoder
from whetstone.errors import InvalidInputError

ACCEPTED = "gzip, zstd"
UNKNOWN_ENCODING = "Content-Encoding must be gzip, zstd or identity"

_DECODERS = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
# Chunks above this are decoded in a thread, away from the event loop.
_THREAD_BYTES = 32_768


class ContentDecoding:
    """Decodes the bodies of requests with a `Content-Encoding`; answers 415 when it is not one of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or answer 415."""
        encodings = _encodings(scope) if scope["type"] == "http" else []
        if not encodings:
            await self.app(scope, receive, send)
            return
        if len(encodings) > 1 or encodings[0] not in _DECODERS:
            await error_response(415, UNKNOWN_ENCODING, {"Accept-Encoding": ACCEPTED})(scope, receive, send)
            return
        # The length and the encoding are those of the compressed body, which nobody behind us sees.
        plain = {b"content-encoding", b"content-length"}
        headers = [(name, value) for name, value in scope["headers"] if name not in plain]
        body = _DecodedBody(receive, Decoder(_DECODERS[encodings[0]]))
        await self.app({**scope, "headers": headers}, body.receive, send)


class _DecodedBody:
    """The messages of a request, with the body decoded."""

    def __init__(self, receive: Receive, decoder: Decoder) -> None:
        self._receive = receive
        self._decoder = decoder
        self._pieces: Iterator[bytes] = iter(())
        self._threaded = False
        self._more = True
        self._done = False

    async def receive(self) -> Message:
        """The next message of the request."""
        while not self._done:
            try:
                piece = await self._next_piece()
                if not piece and not self._more:
                    self._decoder.finish()
                    self._done = True
            except BrokenDataError as error:
                raise InvalidInputError(f"The request body {error}") from None
            if piece or self._done:
                return {"type": "http.request", "body": piece, "more_body": not self._done}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            chunk = message.get("body", b"")
            self._more = message.get("more_body", False)
            self._pieces = self._decoder.decode(chunk)
            self._threaded = len(chunk) > _THREAD_BYTES
        return await self._receive()

    async def _next_piece(self) -> bytes:
        if self._threaded:
            return await asyncio.to_thread(next, self._pieces, b"")
        return next(self._pieces, b"")


def _encodings(scope: Scope) -> list[str]:
    """The codings of the body in the order in which they were applied; identity is none."""
    values = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
    names = (name.strip().lower() for name in values.decode("latin-1").split(","))
    return [name for name in names if name not in {"", "identity"}]
