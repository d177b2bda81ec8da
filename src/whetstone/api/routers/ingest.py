"""Taking trajectories in: whole, or step by step, in any order and any number of times (contract §4.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError, WrapValidator

from whetstone.api.edge.bodies import SMALL_BODY, JsonOrArrayRoute, JsonRoute
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.feedback import ANNOTATION_EXAMPLES
from whetstone.api.models.ingest import TRAJECTORY_EXAMPLE, Ingested
from whetstone.api.models.ndjson import Uploaded
from whetstone.api.paths import ID, TRAJECTORY_ID
from whetstone.api.responses import JsonResponse
from whetstone.api.routers.ndjson import JSON_LINES_BODY
from whetstone.api.services import ServicesDep
from whetstone.trajectories.ingest.writes import IngestResult
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    TrajectoryInput,
)

T = TypeVar("T")

_REFUSALS = errors(409, 413, 429)
_many = APIRouter(prefix="/api/trajectories", route_class=JsonOrArrayRoute)
_one = APIRouter(prefix="/api/trajectories", route_class=JsonRoute)

TrajectoryId = Annotated[str, TRAJECTORY_ID]


def _unchecked(value: Any, _handler: Callable[[Any], Any]) -> Any:
    return value


_CALL_EXAMPLE = TRAJECTORY_EXAMPLE["steps"][0]["llmCalls"][0]
_ACCESS_EXAMPLE = TRAJECTORY_EXAMPLE["steps"][0]["providerAccesses"][0]
Trajectories = Annotated[
    TrajectoryInput | list[TrajectoryInput], WrapValidator(_unchecked), Body(examples=[TRAJECTORY_EXAMPLE])
]
Calls = Annotated[
    LlmCallInput | list[LlmCallInput], WrapValidator(_unchecked), Body(examples=[_CALL_EXAMPLE])
]
Accesses = Annotated[
    ProviderAccessInput | list[ProviderAccessInput],
    WrapValidator(_unchecked),
    Body(examples=[_ACCESS_EXAMPLE]),
]
Annotation = Annotated[
    AnnotationInput,
    WrapValidator(_unchecked),
    Body(examples=ANNOTATION_EXAMPLES),
]
End = Annotated[EndInput, WrapValidator(_unchecked), Body(examples=[{"status": "completed"}])]


@_many.post(
    "",
    status_code=201,
    response_model=Ingested | Uploaded,
    summary="Store trajectories",
    openapi_extra=JSON_LINES_BODY,
)
async def add_trajectories(request: Request, services: ServicesDep, body: Trajectories) -> JsonResponse:
    """One trajectory or an array of them, whole or just started; what is known already is merged.

    With `Content-Type: application/x-ndjson`, one trajectory a line: a body of any length, stored while it arrives.
    A line that cannot be taken is counted and left out; the answer says which and why.
    """
    return _answer(await services.trajectories.add(await _checked(request, _TRAJECTORIES, body)))


@_many.post(f"/{ID}/llm-calls", status_code=201, response_model=Ingested, summary="Add LLM calls")
async def add_llm_calls(
    request: Request, services: ServicesDep, trajectory_id: TrajectoryId, body: Calls
) -> JsonResponse:
    """One call or an array; an unknown trajectory is started."""
    calls = await _checked(request, _CALLS, body)
    return _answer(await services.trajectories.add_llm_calls(trajectory_id, calls))


@_many.post(
    f"/{ID}/provider-accesses", status_code=201, response_model=Ingested, summary="Add provider accesses"
)
async def add_provider_accesses(
    request: Request, services: ServicesDep, trajectory_id: TrajectoryId, body: Accesses
) -> JsonResponse:
    """One access or an array; an unknown trajectory is started."""
    accesses = await _checked(request, _ACCESSES, body)
    return _answer(await services.trajectories.add_provider_accesses(trajectory_id, accesses))


@_one.post(f"/{ID}/annotations", status_code=201, response_model=Ingested, summary="Judge a trajectory")
async def annotate(
    request: Request, services: ServicesDep, trajectory_id: TrajectoryId, body: Annotation
) -> JsonResponse:
    """Scores and comments of the trajectory or of its calls, the right answers of calls, tags, the training mark."""
    [annotation] = await _checked(request, _ANNOTATIONS, body)
    return _answer(await services.trajectories.annotate(trajectory_id, annotation))


@_one.post(f"/{ID}/end", status_code=201, response_model=Ingested, summary="End a trajectory")
async def end_trajectory(
    request: Request, services: ServicesDep, trajectory_id: TrajectoryId, body: End
) -> JsonResponse:
    """Completed, failed, or given up."""
    [end] = await _checked(request, _ENDS, body)
    return _answer(await services.trajectories.end(trajectory_id, end))


router = APIRouter(tags=["ingest"], responses={**COMMON_ERRORS, **_REFUSALS})
router.include_router(_many)
router.include_router(_one)

_TRAJECTORIES = TypeAdapter(list[TrajectoryInput])
_CALLS = TypeAdapter(list[LlmCallInput])
_ACCESSES = TypeAdapter(list[ProviderAccessInput])
_ANNOTATIONS = TypeAdapter(list[AnnotationInput])
_ENDS = TypeAdapter(list[EndInput])


async def _checked(request: Request, adapter: TypeAdapter[list[T]], body: Any) -> list[T]:
    """`body` (an object or a list of them) as inputs; a refusal names the place in the body as it was sent.

    A batch of trajectories, or of corrections, is seconds of work: not on the event loop.
    """
    many = isinstance(body, list)
    records = body if many else [body]
    try:
        if request.scope[SMALL_BODY]:
            return adapter.validate_python(records)
        return await asyncio.to_thread(adapter.validate_python, records)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        skipped = 0 if many else 1
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"][skipped:])} for each in found]
        ) from None


def _answer(result: IngestResult) -> JsonResponse:
    return JsonResponse({"count": len(result.ids), **result.to_dict()}, status_code=201)
