"""The edge: what every request passes before a router sees it, one concern per module."""

from __future__ import annotations

from starlette.middleware import Middleware

from whetstone.api.edge.access import AccessPolicy
from whetstone.api.edge.auth import Authentication
from whetstone.api.edge.bodies import BodyLimit
from whetstone.api.edge.encoding import ContentDecoding
from whetstone.api.edge.errors import ErrorBoundary
from whetstone.api.edge.hosts import HostCheck
from whetstone.api.edge.origins import Cors
from whetstone.api.edge.requests import RequestLog
from whetstone.api.edge.security_headers import SecurityHeaders
from whetstone.api.edge.urls import UrlCheck
from whetstone.settings import Settings


def edge_middleware(settings: Settings, policy: AccessPolicy) -> list[Middleware]:
    """The layers in the order in which a request meets them."""
    return [
        Middleware(RequestLog),
        Middleware(SecurityHeaders),
        Middleware(HostCheck, settings),
        Middleware(Cors, settings),
        Middleware(ErrorBoundary),
        Middleware(Authentication, policy),
        Middleware(UrlCheck),
        # Before the limit, which counts what a body decodes to.
        Middleware(ContentDecoding),
        Middleware(BodyLimit, settings),
    ]
