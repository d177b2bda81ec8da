"""Request bodies: limits on their size, and JSON that is an object (contract §1.2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whetstone.api.edge.asgi import header
from whetstone.api.edge.lines import has_json_lines
from whetstone.api.responses import error_response
from whetstone.errors import InvalidInputError, TooLargeError
from whetstone.settings import Settings

TOO_LARGE = "Failed to read request body"
INVALID_JSON = "Invalid JSON in request body"
NOT_AN_OBJECT = "Request body must be a JSON object"
# What is stored must be encodable again, inside an answer a few levels deeper; orjson encodes 254 levels.
MAX_DEPTH = 128
# Bodies above this are parsed in a thread, away from the event loop.
_THREAD_BYTES = 262_144
# … and so are those with more JSON objects than this.
_THREAD_OBJECTS = 200
# Key in the scope of a route's request: whether checking its body takes a moment only.
SMALL_BODY = "whetstone.small_body"
_UPLOAD_PATH = "/api/trajectories"
_INGEST_PATH = re.compile(
    r"/v1/traces|/api/trajectories(/.+/(llm-calls|provider-accesses|annotations|end))?", re.DOTALL
)


class BodyLimit:
    """Refuses bodies over the limit of their route with 413, whatever Content-Length claims.

    Nothing is buffered: bytes are counted as the route reads them.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._limit = settings.max_body_bytes
        self._ingest_limit = max(settings.max_ingest_body_bytes, settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or answer 413."""
        if scope["type"] != "http" or _has_limited_lines(scope):
            await self.app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            await error_response(413, TOO_LARGE)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLargeError(TOO_LARGE)
            return message

        await self.app(scope, counted, send)

    def _limit_of(self, scope: Scope) -> int:
        ingest = scope["method"] == "POST" and _INGEST_PATH.fullmatch(scope["path"])
        return self._ingest_limit if ingest else self._limit


def _has_limited_lines(scope: Scope) -> bool:
    """An upload of JSON lines may be of any length: its route limits each line."""
    return bool(scope["method"] == "POST" and scope["path"] == _UPLOAD_PATH and has_json_lines(scope))


class _ParsedRequest(Request):
    """A request whose JSON is known; it calls itself JSON whatever Content-Type the client sent."""

    def __init__(self, request: Request, value: Any, *, small: bool) -> None:
        headers = [(name, text) for name, text in request.scope["headers"] if name != b"content-type"]
        headers.append((b"content-type", b"application/json"))
        super().__init__({**request.scope, "headers": headers, SMALL_BODY: small}, request.receive)
        self._value = value

    async def body(self) -> bytes:
        """A stand-in: the bytes have been parsed and are not needed again."""
        return b"{}"

    async def json(self) -> Any:
        """The parsed body."""
        return self._value


class JsonRoute(APIRoute):
    """A route that reads its body as JSON by the contract's rules: status 400 and its messages, never 422."""

    accepts_array = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind our parser."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def parsed(request: Request) -> Response:
            body = await request.body()
            small = len(body) <= _THREAD_BYTES and body.count(b"{") <= _THREAD_OBJECTS
            value = parse_json(body) if small else await asyncio.to_thread(parse_json, body)
            if not isinstance(value, dict) and not (self.accepts_array and isinstance(value, list)):
                raise InvalidInputError(NOT_AN_OBJECT)
            return await handler(_ParsedRequest(request, value, small=small))

        return parsed


class JsonOrArrayRoute(JsonRoute):
    """The same for a route that takes many things at once."""

    accepts_array = True


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; `InvalidInputError` for anything else, NaN, bad UTF-8 and absurd nesting included."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInputError(INVALID_JSON) from None
    if _deeper_than(value, MAX_DEPTH):
        msg = f"The request body is nested more than {MAX_DEPTH} levels deep"
        raise InvalidInputError(msg)
    return value


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    return bool(level)
