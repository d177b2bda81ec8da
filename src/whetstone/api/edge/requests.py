"""A request id for every request, and one structured line in the log when it is done."""

from __future__ import annotations

import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whetstone.api.edge.asgi import REQUEST_TYPES, on_response, text_header
from whetstone.ids import new_id

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz"})
_log = structlog.get_logger(__name__)


class RequestLog:
    """Outermost layer: `X-Request-Id` (the caller's, if it is sane) and the access log.

    The line holds method, path, status and milliseconds; never the query (it may hold a token or a search for
    private text), headers or bodies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in REQUEST_TYPES:
            await self.app(scope, receive, send)
            return
        given = text_header(scope, b"x-request-id")
        request_id = given if given and _SANE_ID.fullmatch(given) else new_id("req")
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(requestId=request_id):
            try:
                await self.app(
                    scope,
                    receive,
                    on_response(observed, lambda headers: headers.__setitem__("X-Request-Id", request_id)),
                )
            finally:
                self._write(scope, status, (time.perf_counter() - started) * 1000)

    def _write(self, scope: Scope, status: int, milliseconds: float) -> None:
        raw_path = scope.get("raw_path") or scope["path"].encode("utf-8", "backslashreplace")
        write = _log.debug if scope["path"] in _QUIET_PATHS else _log.info
        write(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            # Still percent-encoded: no control character of a caller reaches the log.
            path=raw_path.partition(b"?")[0].decode("latin-1"),
            status=status,
            ms=round(milliseconds, 1),
        )
