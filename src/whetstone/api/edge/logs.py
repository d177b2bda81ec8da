"""How the process logs: one structured line an event, on standard output, for people or for machines."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

from whetstone.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Set up logging for the whole process, the libraries' included, as the settings say.

    Tracebacks show no variables: prompts would be among them.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _without_color_message,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(settings))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.getLogger("whetstone").setLevel(level)
    # Libraries that debug print what they carry: SQL with its parameters, WebSocket frames with their tokens.
    root.setLevel(max(level, logging.INFO))
    # It logs each request of ours to a language model with its address; that is our own business to tell.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Of a migration only the steps are news.
    logging.getLogger("alembic.runtime.migration").addFilter(
        lambda record: record.getMessage().startswith("Running")
    )
    # Our own first line says more.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: not record.getMessage().startswith(("Started server", "Waiting for application"))
    )


def _without_color_message(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second, coloured copy of its message."""
    event.pop("color_message", None)
    return event


def _rendering(settings: Settings) -> list[Processor]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
        return [remove_meta, structlog.processors.format_exc_info, renderer]
    return [
        remove_meta,
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _to_json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
