"""The application: the one place where the rooms are wired together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import whetstone
from whetstone.api.edge import edge_middleware
from whetstone.api.edge.access import AccessPolicy
from whetstone.api.edge.errors import install_error_handlers
from whetstone.api.openapi import describe, operation_id
from whetstone.api.routers import ROUTERS
from whetstone.api.services import Services
from whetstone.autotrain.config import AutoConfigStore
from whetstone.clock import now_ms
from whetstone.datasets.records import Record
from whetstone.datasets.store import DatasetStore
from whetstone.datasets.tasks import tasks_of
from whetstone.db import Database
from whetstone.jobs.event import DATASET_BUILT, draft
from whetstone.jobs.events import EventLog
from whetstone.jobs.service import JobService
from whetstone.privacy.desk import PrivacyDesk
from whetstone.prompts.store import PromptStore
from whetstone.registry.store import ModelStore
from whetstone.settings import Settings
from whetstone.trajectories.search.process import indexing
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.upkeep.housekeeping import housekeeping

DESCRIPTION = "Sharpens an agent on its own work: trajectories in, a measurably better prompt out."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with `settings` (from the environment when None); its lifespan opens and closes everything.

    Raises InvalidInputError where the privacy settings make no sense: nothing is served under a wrong policy.
    """
    settings = settings or Settings()
    policy = AccessPolicy.from_settings(settings)
    privacy = PrivacyDesk(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        policy.announce()
        async with open_services(settings, policy, privacy) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Whetstone",
        version=whetstone.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        middleware=edge_middleware(settings, policy),
        # The edge and our own routers take these places.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app, token_required=policy.token is not None)
    return app


@asynccontextmanager
async def open_services(
    settings: Settings, policy: AccessPolicy, privacy: PrivacyDesk
) -> AsyncIterator[Services]:
    """All rooms' services, started in the order of their dependence and stopped in reverse."""
    database = Database(settings.sqlalchemy_url())
    await database.open()
    try:
        events = EventLog(database)

        async def announce(record: Record) -> None:
            message = f"dataset built: {record['sampleCount']} samples"
            await events.publish(draft(DATASET_BUILT, message, dataset_id=record["id"]))

        trajectories = TrajectoryStore(database, settings, tasks_of)
        datasets = DatasetStore(database, settings, trajectories, announce)
        jobs = JobService(database, settings, datasets, events, on_model=ModelStore.add)
        await datasets.recover()
        await jobs.start()
        services = Services(
            settings=settings,
            access=policy,
            database=database,
            trajectories=trajectories,
            datasets=datasets,
            jobs=jobs,
            events=events,
            models=ModelStore(database),
            prompts=PromptStore(settings.optimized_prompts_dir),
            auto_config=AutoConfigStore(settings.training_dir / "config.json"),
            privacy=privacy,
            started_at=now_ms(),
        )
        async with housekeeping(trajectories), indexing(database, settings):
            try:
                yield services
            finally:
                services.closing.set()
                await jobs.stop()
                await datasets.close()
                await trajectories.writes_settled()
    finally:
        await database.close()
