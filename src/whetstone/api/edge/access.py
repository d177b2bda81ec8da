"""Who may call: the token policy, apart from how it is asked for (contract §1.3)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import parse_qsl

import structlog
from pydantic import SecretStr
from starlette.types import Scope

from whetstone.addresses import is_loopback
from whetstone.api.edge.asgi import header, text_header
from whetstone.settings import Settings

# Where a token may stand, in the order in which it is looked for.
_TOKEN_HEADERS = (
    b"x-eliza-token",
    b"x-elizaos-token",
    b"x-milady-token",
    b"x-milaidy-token",
    b"x-api-key",
    b"x-api-token",
)
_QUERY_NAMES = ("token", "apiKey", "api_key")
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")
_log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What a request's credentials are worth."""

    ALLOWED = "allowed"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True)
class AccessPolicy:
    """Compares what a request carries with what this service asks for."""

    token: bytes | None
    server_secret: bytes | None
    trust_loopback: bool
    query_token: bool
    # Set when the token was made at start: the person who started the service has not seen it yet.
    generated: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> AccessPolicy:
        """The policy of a service; makes a token where it listens beyond this machine and has none."""
        loopback = is_loopback(settings.host)
        policy = cls(
            token=_secret(settings.api_token),
            server_secret=_secret(settings.server_shared_secret),
            trust_loopback=loopback and not settings.require_local_auth,
            query_token=settings.allow_ws_query_token,
        )
        if policy.token is None and not loopback and not settings.disable_auto_api_token:
            return replace(policy, token=secrets.token_hex(32).encode(), generated=True)
        return policy

    def verdict(self, scope: Scope) -> Verdict:
        """What the credentials of a request are worth."""
        if self.token is None and self.trust_loopback and _from_this_machine(scope):
            return Verdict.ALLOWED
        secret = header(scope, b"x-server-token")
        if (
            secret is not None
            and self.server_secret is not None
            and hmac.compare_digest(secret, self.server_secret)
        ):
            return Verdict.ALLOWED
        given = self._given(scope)
        if given is None and secret is None:
            return Verdict.MISSING
        return Verdict.ALLOWED if given is not None and self.accepts(given) else Verdict.WRONG

    def accepts(self, given: bytes) -> bool:
        """Whether `given` is the token."""
        return self.token is not None and hmac.compare_digest(given, self.token)

    @property
    def can_log_in(self) -> bool:
        """Whether any token exists that a caller could bring."""
        return self.token is not None

    def announce(self) -> None:
        """Say how the service is guarded: the log gets a fingerprint, the console a token that nobody knows yet."""
        if self.token is not None:
            fingerprint = hashlib.sha256(self.token).hexdigest()[:8]
            _log.info("api token required", fingerprint=fingerprint, generated=self.generated)
        elif not self.trust_loopback:
            _log.warning("every request will be refused: set ELIZA_API_TOKEN")
        if self.token is not None and self.generated:
            sys.stderr.write(
                f"API token of this run (set ELIZA_API_TOKEN to choose your own): {self.token.decode()}\n"
            )

    def _given(self, scope: Scope) -> bytes | None:
        bearer = header(scope, b"authorization")
        if bearer is not None and bearer[:7].lower() == b"bearer ":
            return bearer[7:].strip()
        for name in _TOKEN_HEADERS:
            value = header(scope, name)
            if value:
                return value
        return self._given_in_query(scope) if self.query_token and _is_stream(scope) else None

    def _given_in_query(self, scope: Scope) -> bytes | None:
        raw: bytes = scope["query_string"]
        query = dict(parse_qsl(raw.decode("latin-1")))
        for name in _QUERY_NAMES:
            if query.get(name):
                return query[name].encode()
        return None


def _secret(value: SecretStr | None) -> bytes | None:
    return (value.get_secret_value().strip().encode() or None) if value is not None else None


def _is_stream(scope: Scope) -> bool:
    """A request that browsers cannot give headers: a WebSocket upgrade or an event stream."""
    if scope["type"] == "websocket":
        return True
    return scope["method"] == "GET" and "text/event-stream" in (text_header(scope, b"accept") or "")


def _from_this_machine(scope: Scope) -> bool:
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return False
    # A proxy on this machine speaks for somebody else.
    return all(header(scope, name) is None for name in _FORWARDED)
