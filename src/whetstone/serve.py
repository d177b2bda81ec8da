"""Running the service: one uvicorn process with graceful shutdown."""

from __future__ import annotations

import uvicorn

from whetstone.api.edge.logs import configure_logging
from whetstone.app import create_app
from whetstone.settings import Settings

# Seconds; event streams end at once, ordinary requests get this long at a shutdown.
_GRACE = 5
_KEEP_ALIVE = 60
# Largest frame that a WebSocket client may send (contract §2.1).
_FRAME_BYTES = 65_536


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    configure_logging(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=_FRAME_BYTES,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
