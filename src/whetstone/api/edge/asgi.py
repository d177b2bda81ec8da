"""Helpers shared by the edge's ASGI middleware."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

REQUEST_TYPES = frozenset({"http", "websocket"})
_RESPONSE_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


def header(scope: Scope, name: bytes) -> bytes | None:
    """First value of the request header `name` (lower case), stripped; None when absent."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).strip()
    return None


def text_header(scope: Scope, name: bytes) -> str | None:
    """The same as text."""
    value = header(scope, name)
    return None if value is None else value.decode("latin-1")


def on_response(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """A `send` that lets `change` edit the headers of the response before they leave."""

    async def wrapped(message: Message) -> None:
        if message["type"] in _RESPONSE_STARTS:
            message["headers"] = list(message.get("headers", ()))
            change(MutableHeaders(raw=message["headers"]))
        await send(message)

    return wrapped
