"""Addresses that cannot name anything: NUL is in no store of ours, and there is one WebSocket."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from whetstone.api.edge.asgi import REQUEST_TYPES
from whetstone.api.edge.errors import NOT_FOUND
from whetstone.api.responses import error_response

SOCKET_PATH = "/ws"


class UrlCheck:
    """Answers 400 where path or query hold a NUL character, and 404 to upgrades at any path but the socket's."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] in REQUEST_TYPES and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            await error_response(400, "The address must not contain a NUL character")(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] != SOCKET_PATH:
            await error_response(404, NOT_FOUND)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
