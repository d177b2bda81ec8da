"""Downloading trajectories (contract §5). Rows meant for training pass the privacy filter; raw downloads do not."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.exports import ExportRequest
from whetstone.api.services import ServicesDep
from whetstone.datasets.downloads import open_download
from whetstone.datasets.exports import TrainingExport
from whetstone.ids import new_id
from whetstone.privacy.attestation import WrittenFile
from whetstone.privacy.ledger import AttestationLedger

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
    responses={**_FILE, **errors(409, 413, 501)},
    summary="Download trajectories",
)
async def export_trajectories(services: ServicesDep, body: ExportRequest) -> Response:
    """Streams the file: `json`, `csv`, `zip` and `parquet` hold raw records, `jsonl` and `art` training rows.

    With `forTraining` (or `jsonShape` `eliza_native_v1`) `json` and `parquet` hold training rows too. These pass the
    privacy filter: `X-Whetstone-Privacy-Filter`, `-Config` and `-Policy` say which, and when the download is
    complete, `GET /api/privacy/downloads/{id}` with the id in `X-Whetstone-Download` has its attestation. A download that
    fails on its way breaks the connection: what ends properly is complete.
    """
    download = open_download(services.trajectories, services.settings, body.to_download())
    chunks = download.chunks
    # The first chunk is made before the status line leaves, so that what cannot start is an error, not half a file.
    first = await anext(chunks, b"")
    body_chunks = _chain(first, chunks)
    headers = {"Content-Disposition": f'attachment; filename="{download.filename}"'}
    if isinstance(download, TrainingExport):
        download_id = new_id("download")
        services.downloads.begin(download_id)
        headers |= {"X-Whetstone-Download": download_id, **download.evidence.headers()}
        body_chunks = _attested(download, body_chunks, services.downloads, download_id)
    return StreamingResponse(body_chunks, media_type=download.media_type, headers=headers)


async def _attested(
    download: TrainingExport, chunks: AsyncIterator[bytes], ledger: AttestationLedger, download_id: str
) -> AsyncIterator[bytes]:
    """The chunks; when they are all gone, the ledger has the attestation of what they were."""
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    file = WrittenFile(download.filename, size, digest.hexdigest())
    ledger.complete(download_id, download.evidence.attest(file))


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
