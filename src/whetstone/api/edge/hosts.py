"""The Host check: a web page whose name was re-pointed at this machine (DNS rebinding) is refused."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from whetstone.addresses import host_of, is_loopback, is_wildcard, parse_ip
from whetstone.api.edge.asgi import REQUEST_TYPES, text_header
from whetstone.api.responses import error_response
from whetstone.settings import Settings


class HostCheck:
    """Lets through requests whose `Host` is loopback, the bind host, or listed in WHETSTONE_ALLOWED_HOSTS.

    On a wildcard bind any IP address passes too: only a name can be re-pointed.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._bind = host_of(settings.host)
        self._wildcard = is_wildcard(settings.host)
        self._listed = {entry.strip().lower() for entry in settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or answer 403."""
        if scope["type"] in REQUEST_TYPES and not self._allowed(text_header(scope, b"host") or ""):
            response = error_response(
                403, "Host not allowed. Add the name to WHETSTONE_ALLOWED_HOSTS to serve under it."
            )
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _allowed(self, authority: str) -> bool:
        host = host_of(authority)
        if not host:
            return False
        if is_loopback(host) or host in self._listed or authority.strip().lower() in self._listed:
            return True
        if self._wildcard:
            return parse_ip(host) is not None
        return host == self._bind
