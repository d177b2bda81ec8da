"""Errors that a caller can act on. Each carries the HTTP status under which the API reports it.

The API answers them as `{"error": message}`; the message is written for the person who reads it and
never holds prompt text, paths of other users or credentials.
"""

from __future__ import annotations

from typing import ClassVar


class WhetstoneError(Exception):
    """Base of all errors that are reported to the caller in plain words."""

    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInputError(WhetstoneError):
    """The request cannot be understood or asks for something impossible."""

    status = 400


class NotFoundError(WhetstoneError):
    """The thing named in the request does not exist."""

    status = 404


class ConflictError(WhetstoneError):
    """The request is sound but clashes with the present state."""

    status = 409


class TooLargeError(WhetstoneError):
    """The request body is over its limit."""

    status = 413


class OverloadedError(WhetstoneError):
    """More work waits than may wait; nothing was taken of this request, and the same one may succeed soon."""

    status = 429


class NotAvailableError(WhetstoneError):
    """A capability that this version or this machine does not have."""

    status = 501


class UnavailableError(WhetstoneError):
    """A part of the service is not up; the same request may succeed later."""

    status = 503


class InterruptedJobError(UnavailableError):
    """What did a job's work was killed from outside; the job itself is sound, and another attempt may finish it."""
