"""Which browser origins may call, and the CORS headers that tell them so (contract §1.4)."""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from whetstone.addresses import is_loopback, is_wildcard
from whetstone.api.edge.asgi import REQUEST_TYPES, on_response, text_header
from whetstone.api.responses import JsonResponse, error_response
from whetstone.settings import Settings

_APP_SCHEMES = frozenset({"app", "capacitor", "capacitor-electron", "electrobun", "file", "tauri"})
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
# The dashboard client sends Content-Type and X-ElizaOS-Client-Id on every call: one missing name breaks all of them.
_REQUEST_HEADERS = ", ".join(
    (
        "Content-Type",
        "Content-Encoding",
        "Authorization",
        "X-API-Token",
        "X-Api-Key",
        "X-Eliza-Token",
        "X-ElizaOS-Token",
        "X-Milady-Token",
        "X-Milaidy-Token",
        "X-Server-Token",
        "X-Eliza-Export-Token",
        "X-Eliza-Client-Id",
        "X-ElizaOS-Client-Id",
        "X-Eliza-Terminal-Token",
        "X-Eliza-UI-Language",
        "X-ElizaOS-UI-Language",
        "X-Eliza-CSRF",
        "X-Eliza-Trace-Id",
        "X-Request-Id",
        "Last-Event-ID",
    )
)
_EXPOSED_HEADERS = "Content-Disposition, X-Request-Id"


class OriginKind(Enum):
    """Why an origin may call."""

    LOCAL = "local"  # a page or app on this machine: may send credentials
    OTHER = "other"  # listed, the service's own, or anybody on a wildcard bind


class OriginPolicy:
    """Decides about `Origin` headers."""

    def __init__(self, settings: Settings) -> None:
        self._listed = {entry.rstrip("/").lower() for entry in settings.allowed_origins}
        self._wildcard = is_wildcard(settings.host)
        self._null = settings.allow_null_origin

    def kind(self, origin: str, host: str) -> OriginKind | None:
        """Why `origin` may call a service addressed as `host` (the `Host` header); None when it may not."""
        if origin == "null":
            return OriginKind.OTHER if self._null else None
        try:
            parts = urlsplit(origin)
            name = parts.hostname or ""
        except ValueError:
            return None
        if parts.scheme in _APP_SCHEMES:
            return OriginKind.LOCAL
        if parts.scheme not in {"http", "https"} or not name or parts.path or parts.username is not None:
            return None
        if is_loopback(name):
            return OriginKind.LOCAL
        # The Host check has run before: a page that shares our host is our own.
        if self._wildcard or origin.lower() in self._listed or parts.netloc.lower() == host.lower():
            return OriginKind.OTHER
        return None


class Cors:
    """Answers preflights, refuses foreign origins with 403, and marks the answers for allowed ones."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._policy = OriginPolicy(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in REQUEST_TYPES:
            await self.app(scope, receive, send)
            return
        origin = text_header(scope, b"origin")
        kind = self._policy.kind(origin, text_header(scope, b"host") or "") if origin else None
        if origin and kind is None:
            await error_response(403, "Origin not allowed", {"Vary": "Origin"})(scope, receive, send)
            return
        preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
        marked = on_response(send, lambda headers: _mark(headers, origin, kind, preflight=preflight))
        if preflight:
            await JsonResponse({})(scope, receive, marked)
            return
        await self.app(scope, receive, marked)


def _mark(headers: MutableHeaders, origin: str | None, kind: OriginKind | None, *, preflight: bool) -> None:
    headers.add_vary_header("Origin")
    if origin is None:
        return
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    if kind is OriginKind.LOCAL:
        headers["Access-Control-Allow-Credentials"] = "true"
    if preflight:
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
        headers["Access-Control-Max-Age"] = "600"
