"""Downloading trajectories (contract §5). Rows meant for training pass the privacy filter; raw downloads do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from whetstone.api.coercion import moment
from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.exports import ExportRequest
from whetstone.api.services import Services, ServicesDep
from whetstone.datasets.exports import export_training
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.exports import Export, export

router = APIRouter(tags=["trajectories"], route_class=JsonRoute, responses=COMMON_ERRORS)

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; Content-Disposition names it.",
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/api/trajectories/export",
    response_class=Response,
    responses={**_FILE, **errors(413)},
    summary="Download trajectories",
)
async def export_trajectories(services: ServicesDep, body: ExportRequest) -> Response:
    """Streams the file: `json` (raw, or as training rows), `jsonl`, `csv`, `art` or `zip`."""
    download = _download(services, body)
    chunks = download.chunks
    # The first chunk is made before the status line leaves, so that what cannot start is an error, not half a file.
    first = await anext(chunks, b"")
    return StreamingResponse(
        _chain(first, chunks),
        media_type=download.media_type,
        headers={"Content-Disposition": f'attachment; filename="{download.filename}"'},
    )


def _download(services: Services, body: ExportRequest) -> Export:
    chosen = TrajectoryFilter(
        ids=body.trajectory_ids,
        start_date=moment(body.start_date),
        end_date=moment(body.end_date),
        scenario_id=body.scenario_id,
        batch_id=body.batch_id,
    )
    store, with_prompts = services.trajectories, body.include_prompts is not False
    match body.format:
        case ("jsonl" | "art") as kind:
            return export_training(store, services.settings, kind, chosen, with_prompts)
        case "json" if body.json_shape == "eliza_native_v1":
            return export_training(store, services.settings, "json", chosen, with_prompts)
        case raw:
            return export(store, raw, chosen, with_prompts)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
