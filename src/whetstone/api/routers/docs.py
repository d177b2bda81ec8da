"""The API documentation: the OpenAPI document, and a page of our own that renders it without a network."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from whetstone.api.responses import JsonResponse

_STATIC = files("whetstone.api") / "static"
_POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
    )
}
router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi_document(request: Request) -> JsonResponse:
    """The OpenAPI document."""
    # The first time it takes half a second to make.
    return JsonResponse(await asyncio.to_thread(request.app.openapi))


@router.get("/")
async def front_door() -> RedirectResponse:
    """For people who open the address in a browser."""
    return RedirectResponse("/docs")


@router.get("/docs")
async def docs_page() -> Response:
    """The page."""
    return _file("docs.html", "text/html")


@router.get("/docs/docs.js")
async def docs_script() -> Response:
    """Its script."""
    return _file("docs.js", "text/javascript")


@router.get("/docs/docs.css")
async def docs_style() -> Response:
    """Its style."""
    return _file("docs.css", "text/css")


def _file(name: str, media_type: str) -> Response:
    return Response(_content(name), media_type=media_type, headers=_POLICY)


@cache
def _content(name: str) -> bytes:
    return (_STATIC / name).read_bytes()
