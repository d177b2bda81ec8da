"""Authentication of every request but the health checks."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from whetstone.api.edge.access import AccessPolicy, Verdict
from whetstone.api.edge.asgi import REQUEST_TYPES
from whetstone.api.responses import error_response

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
# Key in a WebSocket's scope: whether the handshake itself proved who calls.
AUTHENTICATED = "whetstone.authenticated"


class Authentication:
    """Answers 401 `Unauthorized` to requests without the token.

    A WebSocket that brings no token is let in to send an `auth` frame (contract §2.1); a wrong one is refused.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self.app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or answer 401."""
        if scope["type"] not in REQUEST_TYPES or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        verdict = self._policy.verdict(scope)
        may_log_in = scope["type"] == "websocket" and verdict is Verdict.MISSING and self._policy.can_log_in
        if verdict is not Verdict.ALLOWED and not may_log_in:
            response = error_response(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
            await response(scope, receive, send)
            return
        scope[AUTHENTICATED] = verdict is Verdict.ALLOWED
        await self.app(scope, receive, send)
