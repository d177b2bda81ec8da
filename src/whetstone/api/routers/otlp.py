"""Traces of OpenTelemetry (OTLP/HTTP), in protobuf and in JSON, each answered in its own encoding."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from whetstone.api.edge.bodies import NOT_AN_OBJECT, parse_json
from whetstone.api.edge.errors import RETRY_AFTER
from whetstone.api.models.base import COMMON_ERRORS, errors
from whetstone.api.models.otlp import TRACES, TracesExported
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.errors import InvalidInputError, OverloadedError, WhetstoneError
from whetstone.trajectories.otlp.ingest import ingest
from whetstone.trajectories.otlp.otlp_json import decode_json
from whetstone.trajectories.otlp.protobuf import decode_protobuf, partial_success, status_message
from whetstone.trajectories.otlp.spans import Decoded

router = APIRouter(tags=["ingest"], responses={**COMMON_ERRORS, **errors(413, 415, 429)})

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
_UNSUPPORTED = f"Content-Type must be {PROTOBUF} or {JSON}"
# Codes of gRPC by HTTP status.
_UNKNOWN = 2
_CODES = {400: 3, 413: 8, 429: 8, 503: 14}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/v1/traces",
    response_model=TracesExported,
    responses={200: {"content": {PROTOBUF: _BINARY}}},
    openapi_extra={
        "requestBody": {"required": True, "content": {JSON: {"schema": TRACES}, PROTOBUF: _BINARY}}
    },
    summary="Export OpenTelemetry traces",
)
async def export_traces(services: ServicesDep, request: Request) -> Response:
    """Spans of agents and models, by the GenAI and OpenInference conventions, become trajectories.

    Sending the same spans again changes nothing. A refused request in protobuf is answered by a `google.rpc.Status`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == JSON:
        outcome = await ingest(services.trajectories, await request.body(), _decode_json)
        if not outcome.message:
            return JsonResponse({})
        partial = {"rejectedSpans": str(outcome.rejected), "errorMessage": outcome.message}
        return JsonResponse({"partialSuccess": partial})
    if content_type != PROTOBUF:
        raise HTTPException(415, _UNSUPPORTED)
    try:
        outcome = await ingest(services.trajectories, await request.body(), decode_protobuf)
    except WhetstoneError as error:
        return _refusal(error)
    return Response(partial_success(outcome.rejected, outcome.message), media_type=PROTOBUF)


def _decode_json(body: bytes) -> Decoded:
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidInputError(NOT_AN_OBJECT)
    return decode_json(value)


def _refusal(error: WhetstoneError) -> Response:
    headers = {"Retry-After": RETRY_AFTER} if isinstance(error, OverloadedError) else {}
    body = status_message(_CODES.get(error.status, _UNKNOWN), error.message)
    return Response(body, status_code=error.status, media_type=PROTOBUF, headers=headers)
