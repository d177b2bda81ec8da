"""Health checks."""

from __future__ import annotations

from whetstone.api.models.base import WireModel, wire_config


class Health(WireModel):
    """The process answers."""

    model_config = wire_config({"status": "ok", "version": "0.1.0"})

    status: str
    version: str


class Readiness(WireModel):
    """The service can do its work."""

    model_config = wire_config({"status": "ready"})

    status: str
