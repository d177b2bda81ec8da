"""Downloading trajectories (contract §5). Rows meant for training pass the privacy filter; raw downloads do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.exports import ExportRequest
from whetstone.api.services import ServicesDep
from whetstone.datasets.downloads import open_download

router = APIRouter(tags=["trajectories"], route_class=JsonRoute, responses=COMMON_ERRORS)

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; Content-Disposition names it.",
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/zip": _BINARY,
            "application/vnd.apache.parquet": _BINARY,
            "application/gzip": _BINARY,
            "application/zstd": _BINARY,
        },
    }
}


@router.post(
    "/api/trajectories/export",
    response_class=Response,
    responses={**_FILE, **errors(413, 501)},
    summary="Download trajectories",
)
async def export_trajectories(services: ServicesDep, body: ExportRequest) -> Response:
    """Streams the file: `json`, `csv`, `zip` and `parquet` hold raw records, `jsonl` and `art` training rows.

    With `forTraining` (or `jsonShape` `eliza_native_v1`) `json` and `parquet` hold training rows too. These pass the
    privacy filter. A download that fails on its way breaks the connection: what ends properly is complete.
    """
    download = open_download(services.trajectories, services.settings, body.to_download())
    chunks = download.chunks
    # The first chunk is made before the status line leaves, so that what cannot start is an error, not half a file.
    first = await anext(chunks, b"")
    return StreamingResponse(
        _chain(first, chunks),
        media_type=download.media_type,
        headers={"Content-Disposition": f'attachment; filename="{download.filename}"'},
    )


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
