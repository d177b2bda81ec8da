"""Every failure becomes `{"error": "<one sentence>"}` (contract §1.1)."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whetstone.api.edge.asgi import REQUEST_TYPES
from whetstone.api.responses import error_response
from whetstone.db import trouble
from whetstone.errors import OverloadedError, WhetstoneError

# Type of a pydantic error whose message is already the sentence for the caller.
SENTENCE = "sentence"
NOT_FOUND = "Not found"
_METHOD_NOT_ALLOWED = 405
RETRY_AFTER = "1"  # seconds; what waits is stored in much less
_log = structlog.get_logger(__name__)


def install_error_handlers(app: FastAPI) -> None:
    """Replace FastAPI's error bodies (`detail`, status 422) by the contract's."""
    app.add_exception_handler(WhetstoneError, _reported)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _storage)
    app.add_exception_handler(PoolTimeoutError, _storage)
    app.add_exception_handler(OSError, _storage)


async def _reported(_request: Request, error: Exception) -> Response:
    assert isinstance(error, WhetstoneError)  # noqa: S101 - the registration above says so
    headers = {"Retry-After": RETRY_AFTER} if isinstance(error, OverloadedError) else None
    return error_response(error.status, error.message, headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return error_response(400, validation_sentence(error.errors()))


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    # A wrong method on a known path is an unknown path to the reference.
    if error.status_code in {404, _METHOD_NOT_ALLOWED}:
        return error_response(404, NOT_FOUND)
    return error_response(error.status_code, str(error.detail))


async def _storage(_request: Request, error: Exception) -> Response:
    """The database or the disk refuses: full, read-only, locked for too long, or its server is away."""
    reason = trouble(error)
    if reason is None:
        raise error
    return _unavailable(reason)


def _unavailable(reason: str) -> Response:
    _log.error("storage_unavailable", reason=reason)
    return error_response(
        503, f"The storage cannot be used now ({reason}), so nothing was changed. Try again later"
    )


def validation_sentence(errors: Sequence[Any]) -> str:
    """One sentence that names the first field at fault; never repeats the value (it may be private)."""
    first = errors[0]
    if first["type"] == SENTENCE:
        return str(first["msg"])
    field = ""
    for part in first["loc"][1:]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    if first["type"] == "missing":
        return f"'{field}' is required"
    message = str(first["msg"]).removeprefix("Value error, ")
    if not field:
        return message[:1].upper() + message[1:]
    return f"'{field}' is not valid: {message[:1].lower()}{message[1:]}"


class ErrorBoundary:
    """The last resort: an unexpected exception is logged and answered with 500, without its text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in REQUEST_TYPES:
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            _log.debug("client went away", path=scope["path"])
        except Exception as error:
            # What a driver raises before there is a connection is none of the errors that the handlers know.
            if (reason := trouble(error)) is not None and not started:
                await _unavailable(reason)(scope, receive, send)
                return
            # No message: a database error repeats the row, prompts and all.
            _log.error("unhandled exception", exception=type(error).__name__, traceback=_frames(error))
            if started:
                raise BrokenResponseError from None  # too late for an answer: the server cuts the connection
            await error_response(500, "Internal server error")(scope, receive, send)


class BrokenResponseError(Exception):
    """An answer could not be finished; the reason is in the log."""


def _frames(error: Exception) -> str:
    return "".join(traceback.format_tb(error.__traceback__))
