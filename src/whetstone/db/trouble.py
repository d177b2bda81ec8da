"""Telling trouble of the database itself from faults of what was asked of it."""

from __future__ import annotations

import errno
import os

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_CONNECTING = "Connect call failed"  # asyncio's words for an address that refuses or does not answer
# Classes of PostgreSQL's error codes: connection, resources (disk, memory, connections), an operator's intervention.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CLASSES = frozenset({"08", "53", "57"})


def trouble(error: BaseException) -> str | None:
    """What is wrong with the database or its disk, in a few words; None where `error` is about something else."""
    if isinstance(error, PoolTimeoutError):
        return "too many requests use it"
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).partition("\n")[0]
    if isinstance(error, DBAPIError) and (
        isinstance(error, OperationalError) or error.connection_invalidated
    ):
        return said
    if str(getattr(cause, "sqlstate", None) or "")[:2] in _CLASSES:
        return said
    if isinstance(error, OSError):
        if error.errno in _DISK:
            return os.strerror(error.errno)
        if isinstance(error, ConnectionRefusedError) or _CONNECTING in said:
            return "its server does not answer"
    return None
