"""The privacy filter, seen by its operator: previews, samples, status, attestations of downloads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import anyio.to_thread
import orjson
from fastapi import APIRouter, Query

from whetstone.api.coercion import positive_limit
from whetstone.api.edge.bodies import JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.privacy import (
    DownloadAttestation,
    PreviewAnswer,
    PreviewRequest,
    PrivacyStatus,
    Samples,
)
from whetstone.api.paths import ID, id_of
from whetstone.api.responses import JsonResponse
from whetstone.api.services import Services, ServicesDep
from whetstone.datasets.writer import TRAJECTORY_DIR
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.privacy.desk import PrivacyDesk
from whetstone.privacy.preview import PreviewSpan

P = ParamSpec("P")
T = TypeVar("T")

router = APIRouter(prefix="/api/privacy", tags=["privacy"], route_class=JsonRoute, responses=COMMON_ERRORS)

MAX_CHARACTERS = 200_000
_MOST_SAMPLES = 100
_MOST_LOOKED_AT = 200  # trajectories that are filtered in search of changed texts

_DOWNLOAD_ID = id_of("download", "download-1760000000000-1a2b3c4d")


@router.get("", response_model=PrivacyStatus, summary="How the privacy filter stands")
async def get_privacy(services: ServicesDep) -> JsonResponse:
    """Version, policies, detectors by tier, and whether the names models are loaded, or why not."""
    return JsonResponse(await asyncio.to_thread(services.privacy.status))


@router.post("/preview", response_model=PreviewAnswer, responses=errors(413), summary="Try the filter")
async def preview(services: ServicesDep, body: PreviewRequest) -> JsonResponse:
    """What the filter would make of a text or a whole trajectory. Nothing is stored or counted."""
    sent = body.sent()
    text, trajectory = sent.get("text"), sent.get("trajectory")
    if (text is None) == (trajectory is None):
        raise InvalidInputError("Either 'text' or 'trajectory' is required")
    if text is not None:
        return JsonResponse(await _in_turn(services, _text, services.privacy, text))
    if not isinstance(trajectory, dict):
        raise InvalidInputError("'trajectory' must be an object")
    return JsonResponse(await _in_turn(services, _trajectory, services.privacy, trajectory))


@router.get("/samples", response_model=Samples, responses=errors(404), summary="Texts before and after")
async def get_samples(
    services: ServicesDep,
    dataset_id: Annotated[
        str | None,
        Query(
            alias="datasetId",
            description="Dataset whose trajectories are taken.",
            examples=["dataset-1760000000000-1a2b3c4d"],
        ),
    ] = None,
    limit: Annotated[str | None, Query(description="1 to 100 texts; 20 if absent.", examples=["20"])] = None,
) -> JsonResponse:
    """Texts of a dataset's trajectories that the filter changes, drawn at random, filtered anew from the store.

    The answer holds what the filter removes: it is for the operator, and nothing of it is kept.
    """
    if not dataset_id:
        raise InvalidInputError("'datasetId' is required")
    record = await services.datasets.get(dataset_id)
    if record is None or record["status"] != "ready":
        raise NotFoundError("Dataset not found")
    wanted = positive_limit(limit, default=20, most=_MOST_SAMPLES)
    folder = services.datasets.directory(dataset_id) / TRAJECTORY_DIR
    samples = await _samples(services, await asyncio.to_thread(_draw, folder), wanted)
    return JsonResponse({"datasetId": dataset_id, "samples": samples})


@router.get(
    f"/downloads/{ID}",
    response_model=DownloadAttestation,
    responses=errors(404),
    summary="Attestation of a download",
)
async def get_attestation(services: ServicesDep, download_id: Annotated[str, _DOWNLOAD_ID]) -> JsonResponse:
    """What the filter did for a download of training rows, by the id in its header `X-Whetstone-Download`.

    Kept in memory for the newest downloads.
    """
    try:
        attested = services.downloads.get(download_id)
    except KeyError:
        raise NotFoundError("Download not found") from None
    status = "incomplete" if attested is None else "complete"
    return JsonResponse({"status": status, "attestation": attested})


async def _in_turn(services: Services, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Have a text or trajectory filtered in a thread, when those who asked earlier have their answers."""
    return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=services.privacy_turn)


def _text(desk: PrivacyDesk, text: Any) -> dict[str, Any]:
    if not isinstance(text, str):
        raise InvalidInputError("'text' must be a string")
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(f"'text' is limited to {MAX_CHARACTERS:,} characters")
    found = desk.text(text)
    spans = [_span(span) for span in found.spans]
    return {"text": found.text, "spans": spans, "counts": dict(found.counts)}


def _trajectory(desk: PrivacyDesk, document: dict[str, Any]) -> dict[str, Any]:
    found = desk.trajectory(document)
    return {
        "trajectory": found.trajectory,
        "dropped": found.dropped,
        "spans": [_span(span, with_field=True) for span in found.spans],
        "counts": dict(found.counts),
    }


def _span(span: PreviewSpan, *, with_field: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "start": span.start,
        "end": span.end,
        "kind": span.kind,
        "tier": str(span.tier),
        "replacement": span.replacement,
    }
    return shown | {"field": span.field} if with_field else shown


def _draw(folder: Path) -> list[str]:
    """Ids of some trajectories of a dataset, at random, as its files know them."""
    paths = sorted(folder.glob("*.json"))
    chosen = random.sample(paths, min(len(paths), _MOST_LOOKED_AT))
    try:
        return [orjson.loads(path.read_bytes())["trajectory"]["trajectoryId"] for path in chosen]
    except FileNotFoundError:
        raise NotFoundError("Dataset not found") from None  # deleted meanwhile


async def _samples(services: Services, trajectory_ids: list[str], wanted: int) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    for trajectory_id in trajectory_ids:
        if len(samples) >= wanted:
            break
        document = await services.trajectories.get(trajectory_id)
        if document is not None:
            samples += await _in_turn(services, _changed, services.privacy, trajectory_id, document)
    return samples[:wanted]


def _changed(desk: PrivacyDesk, trajectory_id: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "trajectoryId": trajectory_id,
            "field": changed.field,
            "before": changed.before,
            "after": changed.after,
            "spans": [_span(span, with_field=True) for span in changed.spans],
        }
        for changed in desk.changed(document)
    ]
