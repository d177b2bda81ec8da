"""The OpenAPI document, made to say what the edge does: no 422, and where tokens go."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from whetstone.api.edge.auth import OPEN_PATHS
from whetstone.api.models.base import WireModel, errors

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "elizaToken": {"type": "apiKey", "in": "header", "name": "X-Eliza-Token"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "serverToken": {"type": "apiKey", "in": "header", "name": "X-Server-Token"},
}
_VALIDATION_SCHEMAS = ("HTTPValidationError", "ValidationError")
_UNDESCRIBED = "Successful Response"  # what FastAPI writes when a route says nothing
_FIRST_FAILURE = 400
_COMPRESSION = "May be compressed: `Content-Encoding: gzip` or `zstd`. Limits count what it decodes to."


def operation_id(route: APIRoute) -> str:
    """Name of an operation for generated clients, such as `jobs_create_job`."""
    subject = str(route.tags[0]).replace("-", "_") if route.tags else "whetstone"
    return f"{subject}_{route.name}"


def describe(app: FastAPI, *, token_required: bool) -> None:
    """Make `app.openapi()` return our document, computed once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, token_required)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _document(app: FastAPI, token_required: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            if "requestBody" in operation:
                operation["requestBody"].setdefault("description", _COMPRESSION)
                operation["responses"].setdefault("415", _not_accepted())
            _describe_answers(operation["responses"], document["components"]["schemas"])
            if path in OPEN_PATHS:
                operation["security"] = []
    components = document.setdefault("components", {})
    for name in _VALIDATION_SCHEMAS:
        components.get("schemas", {}).pop(name, None)
    _restore_examples(components["schemas"])
    components["securitySchemes"] = _SECURITY_SCHEMES
    # One of them suffices; none is needed on this machine while no token is set.
    document["security"] = [{name: []} for name in _SECURITY_SCHEMES] + ([] if token_required else [{}])
    return document


def _not_accepted() -> dict[str, Any]:
    """The answer to a body in an unknown encoding, which any route with a body can give."""
    entry = errors(415)[415]
    media = {"schema": {"$ref": "#/components/schemas/Error"}, **entry["content"]["application/json"]}
    return {"description": entry["description"], "content": {"application/json": media}}


def _describe_answers(responses: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Let an answer that nobody described be described by its schema."""
    for status, response in responses.items():
        if response["description"] != _UNDESCRIBED:
            continue
        if int(status) >= _FIRST_FAILURE:
            response["description"] = errors(int(status))[int(status)]["description"]
            continue
        for media in response.get("content", {}).values():
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            response["description"] = schemas.get(name, {}).get("description", "The answer.")


def _restore_examples(schemas: dict[str, Any], base: type[WireModel] = WireModel) -> None:
    """Put the examples in again as they were written: FastAPI drops the nulls in them."""
    for model in base.__subclasses__():
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in schemas and isinstance(extra, dict):
            schemas[model.__name__].update(extra)
        _restore_examples(schemas, model)
