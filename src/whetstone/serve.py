"""Running the service: one uvicorn process with graceful shutdown, and plain words when it cannot start."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import sys

import structlog
import uvicorn

import whetstone
from whetstone.api.edge.logs import configure_logging
from whetstone.api.ws import MAX_FRAME_BYTES
from whetstone.app import create_app
from whetstone.errors import UnavailableError
from whetstone.preflight import claim_state_directory, prepare_database, prepare_state_directory, reason
from whetstone.settings import Settings

# Seconds; event streams end at once, ordinary requests get this long at a shutdown.
_GRACE = 5
_KEEP_ALIVE = 60
_BACKLOG = 2048
# What agents and people wrote to each other is nobody else's to read: files are made for their owner only.
_PRIVATE = 0o077
_log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises `UnavailableError`, with a sentence that says what to do, when the state folder, the database or the
    address cannot be used.
    """
    configure_logging(settings)
    os.umask(_PRIVATE)
    # Before anything starts: a second service must not take over the jobs of the one that has the port.
    with _listen(settings.host, settings.port) as listener:
        prepare_state_directory(settings)
        claim_state_directory(settings)
        asyncio.run(prepare_database(settings))
        _run(settings, listener)


def _run(settings: Settings, listener: socket.socket) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=MAX_FRAME_BYTES,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
    )
    url = _url(listener)
    _log.info(
        "whetstone", version=whetstone.__version__, url=url, docs=f"{url}/docs", state=str(settings.state_dir)
    )
    # What start-up made lives as long as the process: a full collection need not walk it (100 ms and more) each time.
    gc.freeze()
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return  # uvicorn raises the signal again once it has shut down
    if not server.started:
        sys.exit(3)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = (
                "Stop what runs there, or choose another port with --port or WHETSTONE_PORT (0: a free one)"
            )
        else:
            advice = "Choose an address of this machine with --host or ELIZA_API_BIND"
        raise UnavailableError(f"Cannot listen on {host} port {port}: {reason(error)}. {advice}") from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if listener.family is socket.AF_INET6 else host}:{port}"
