"""What the routers work with: one of each room's services, made in the lifespan of the application."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import anyio
from fastapi import Depends
from starlette.requests import HTTPConnection

from whetstone.api.edge.access import AccessPolicy
from whetstone.autotrain.config import AutoConfigStore
from whetstone.datasets.store import DatasetStore
from whetstone.db import Database
from whetstone.errors import UnavailableError
from whetstone.jobs.events import EventLog
from whetstone.jobs.service import JobService
from whetstone.privacy.desk import PrivacyDesk
from whetstone.privacy.ledger import AttestationLedger
from whetstone.prompts.store import PromptStore
from whetstone.registry.store import ModelStore
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore


@dataclass(frozen=True)
class Services:
    """The running service."""

    settings: Settings
    access: AccessPolicy
    database: Database
    trajectories: TrajectoryStore
    datasets: DatasetStore
    jobs: JobService
    events: EventLog
    models: ModelStore
    prompts: PromptStore
    auto_config: AutoConfigStore
    privacy: PrivacyDesk
    started_at: int
    # Attestations of the newest downloads for training.
    downloads: AttestationLedger = field(default_factory=AttestationLedger)
    # The desk filters one text after the other: who waits for it must not take the threads that others need.
    privacy_turn: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    # Set when the server begins to stop: streams end, so that it need not wait for them.
    closing: anyio.Event = field(default_factory=anyio.Event)
    # WebSockets that have not shown a token yet, by peer address.
    sockets_waiting: Counter[str] = field(default_factory=Counter)


def services_of(connection: HTTPConnection) -> Services:
    """The services of the application that serves `connection`; `UnavailableError` before its start-up."""
    services = getattr(connection.app.state, "services", None)
    if not isinstance(services, Services):
        msg = "Agent runtime not started yet"
        raise UnavailableError(msg)
    return services


async def _services(connection: HTTPConnection) -> Services:
    # A dependency that is no coroutine would be called in a thread, request by request.
    return services_of(connection)


ServicesDep = Annotated[Services, Depends(_services)]
