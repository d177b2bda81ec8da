"""JSON answers, encoded by orjson, and the one form of an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


class JsonResponse(Response):
    """A JSON object as the body; NaN and infinities become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode `content` (dicts, lists, strings, numbers, booleans, None)."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """`{"error": message}`, the only form of an error (contract §1.1)."""
    return JsonResponse({"error": message}, status_code=status, headers=dict(headers or {}))
