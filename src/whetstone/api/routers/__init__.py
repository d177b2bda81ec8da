"""The routes, one module per subject; `ROUTERS` in the order in which they are matched."""

from __future__ import annotations

from fastapi import APIRouter

from whetstone.api.routers import (
    auto,
    datasets,
    docs,
    events,
    exports,
    health,
    ingest,
    jobs,
    models,
    ndjson,
    otlp,
    privacy,
    prompts,
    storage,
    training,
    trajectories,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    docs.router,
    exports.router,
    # Before the route of the same path that takes any other body.
    ndjson.router,
    ingest.router,
    otlp.router,
    # Before the trajectories, whose `/{id}` has this form too.
    storage.router,
    trajectories.router,
    training.router,
    datasets.router,
    # Before the jobs: `/jobs/{id}/events` also has the form `/jobs/{id}` of an id with a slash.
    events.router,
    jobs.router,
    models.router,
    auto.router,
    prompts.router,
    privacy.router,
)
