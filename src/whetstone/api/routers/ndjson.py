"""`POST /api/trajectories` with JSON lines: one trajectory a line, any number of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from whetstone.api.edge.lines import JSON_LINES, has_json_lines
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.api.uploads import Upload


class _JsonLinesRoute(APIRoute):
    """A route for requests whose body is JSON lines; to all others it does not exist."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by path, method and Content-Type."""
        match, child = super().matches(scope)
        return (match, child) if has_json_lines(scope) else (Match.NONE, {})


# In the API's description it is a second media type of the route that takes plain JSON: see `JSON_LINES_BODY`.
router = APIRouter(
    prefix="/api/trajectories", route_class=_JsonLinesRoute, include_in_schema=False, tags=["ingest"]
)


@router.post("", status_code=201)
async def upload_trajectories(request: Request, services: ServicesDep) -> JsonResponse:
    """One trajectory a line, stored while they arrive; lines that are none are counted and left out."""
    upload = Upload(
        services.trajectories,
        max_line_bytes=services.settings.max_ingest_body_bytes,
        closing=services.closing,
    )
    tally = await upload.take(request.stream())
    refused = [{"line": number, "error": error} for number, error in tally.errors]
    return JsonResponse(tally.to_dict() | {"errors": refused}, status_code=201)


_LINE: dict[str, Any] = {
    "schema": {
        "type": "string",
        "description": "One trajectory a line, as in the JSON form; any number of lines.",
    },
    "example": '{"id":"t-1","agentId":"a-1","status":"completed"}\n{"id":"t-2","agentId":"a-1"}\n',
}
JSON_LINES_BODY: dict[str, Any] = {"requestBody": {"content": {JSON_LINES[0]: _LINE}}}
"""What the description of `POST /api/trajectories` says beside its JSON body."""
